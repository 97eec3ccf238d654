# ruff: noqa: ANN201, ANN401 (numba and llvmlite publish no types)
"""Register-blocked products: the inner loop of every WMMSE iteration, as explicit 16-lane vectors.

LLVM's loop vectoriser keeps accumulators in memory and prefers half-width registers here; spelling the
vectors out holds a whole tile of sums in registers and runs the multiply-add units near their peak. On
machines without 16-lane registers LLVM splits the vectors, which is slower but correct.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from gfm_ra.solvers.compiled import emitted, inlined

LANES = 16
_ALIGNMENT_BYTES = 64


@emitted
def add_products(
    typing_context: Any,
    left: types.Array,
    left_start: types.Integer,
    left_stride: types.Integer,
    right: types.Array,
    right_start: types.Integer,
    right_stride: types.Integer,
    out: types.Array,
    out_start: types.Integer,
    out_stride: types.Integer,
    terms: types.Integer,
    initial: types.Float,
    rows: types.IntegerLiteral,
    vectors: types.IntegerLiteral,
    chains: types.IntegerLiteral,
):
    """out[r, lane] = initial + sum over j < terms of left[r, j] * right[j, lane], in flat float32 arrays.

    `rows` by `vectors` * 16 lanes are computed at once; starts and strides count elements. `chains` splits
    the sum into that many independent chains, so that a tile with few sums still fills the pipeline. rows,
    vectors and chains are literal integers.
    """
    shape = (rows.literal_value, vectors.literal_value, chains.literal_value)
    index = types.intp
    signature = types.void(
        left,
        index,
        index,
        right,
        index,
        index,
        out,
        index,
        index,
        index,
        types.float32,
        rows,
        vectors,
        chains,
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _emit(context, builder, signature, arguments, *shape)
        return context.get_dummy_value()

    return signature, generate


def _emit(
    context: Any, builder: Any, signature: Any, arguments: Any, rows: int, vectors: int, chains: int
) -> None:
    """Write the tile's code: sums in registers, one pass over the terms, one store per sum."""
    word, lanes = ir.FloatType(), ir.VectorType(ir.FloatType(), LANES)
    data = [
        context.make_array(signature.args[place])(context, builder, arguments[place]).data
        for place in (0, 3, 6)
    ]
    left, right, out = data
    left_start, left_stride, right_start, right_stride = (arguments[place] for place in (1, 2, 4, 5))
    out_start, out_stride, terms, initial = (arguments[place] for place in (7, 8, 9, 10))
    constant = context.get_constant
    zero = ir.Constant(lanes, [0.0] * LANES)
    first = _broadcast(builder, initial, lanes)
    fused = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(lanes, [lanes, lanes, lanes]), f"llvm.fma.v{LANES}f32"
    )
    sums = {}
    for row in range(rows):
        for vector in range(vectors):
            for chain in range(chains):
                sums[row, vector, chain] = cgutils.alloca_once_value(builder, zero if chain else first)

    def term(position: Any, chain: int) -> None:
        start = builder.add(right_start, builder.mul(position, right_stride))
        loaded = [
            _load(builder, right, builder.add(start, constant(types.intp, LANES * vector)), lanes)
            for vector in range(vectors)
        ]
        for row in range(rows):
            offset = builder.add(left_start, builder.mul(constant(types.intp, row), left_stride))
            factor = builder.load(builder.gep(left, [builder.add(offset, position)]), typ=word)
            factor = _broadcast(builder, factor, lanes)
            for vector in range(vectors):
                total = sums[row, vector, chain]
                builder.store(
                    builder.call(fused, [factor, loaded[vector], builder.load(total, typ=lanes)]), total
                )

    whole = builder.udiv(terms, constant(types.intp, chains))
    with cgutils.for_range(builder, whole) as loop:
        base = builder.mul(loop.index, constant(types.intp, chains))
        for chain in range(chains):
            term(builder.add(base, constant(types.intp, chain)), chain)
    done = builder.mul(whole, constant(types.intp, chains))
    if chains > 1:
        with cgutils.for_range(builder, builder.sub(terms, done)) as loop:
            term(builder.add(done, loop.index), 0)
    for row in range(rows):
        for vector in range(vectors):
            total = builder.load(sums[row, vector, 0], typ=lanes)
            for chain in range(1, chains):
                total = builder.fadd(total, builder.load(sums[row, vector, chain], typ=lanes))
            offset = builder.add(out_start, builder.mul(constant(types.intp, row), out_stride))
            offset = builder.add(offset, constant(types.intp, LANES * vector))
            pointer = builder.bitcast(builder.gep(out, [offset]), lanes.as_pointer())
            builder.store(total, pointer, align=4)


def _broadcast(builder: Any, value: Any, lanes: Any) -> Any:
    single = builder.insert_element(ir.Constant(lanes, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, ir.Constant(lanes, ir.Undefined), mask)


def _load(builder: Any, pointer: Any, offset: Any, lanes: Any) -> Any:
    return builder.load(
        builder.bitcast(builder.gep(pointer, [offset]), lanes.as_pointer()), align=4, typ=lanes
    )


@inlined
def aligned(length: int) -> np.ndarray:
    """Zeros, float32 [length], that start on a cache line: vectors that straddle two lines load at half
    speed."""
    spare = _ALIGNMENT_BYTES // 4
    memory = np.zeros(length + spare, dtype=np.float32)
    start = (-(memory.ctypes.data // 4)) % spare
    return memory[start : start + length]
