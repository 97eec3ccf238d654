# ruff: noqa: ANN201, ANN401 (numba and llvmlite publish no types)
"""Logarithm and exponential in float32 without branches, so that loops over them become vector code."""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from gfm_ra.solvers.compiled import Real, emitted, exact

_LOG2_E = np.float32(1.0 / math.log(2.0))
_LN_2 = np.float32(math.log(2.0))
_ONE = np.float32(1.0)
_ROOT_HALF_BITS = np.int32(0x3F3504F3)
_MANTISSA_BITS = np.int32(23)
_BIAS = np.int32(127)
_EXPONENT_LIMIT = np.float32(125.0)


@emitted
def bits_of(typing_context: Any, value: Any):
    """The bits of a float32 as an int32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), generate


@emitted
def float_of(typing_context: Any, value: Any):
    """The float32 whose bits an int32 holds."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), generate


@exact
def _split(value: Real) -> tuple[Real, Real]:
    """Exponent e and mantissa m in [sqrt(1/2), sqrt(2)) of a positive normal number m 2^e."""
    bits = bits_of(value)
    exponent = (bits - _ROOT_HALF_BITS) >> _MANTISSA_BITS
    return exponent, float_of(np.int32(bits - (exponent << _MANTISSA_BITS)))


@exact
def _log2_near_one(excess: Real) -> Real:
    """log2(1 + excess) for 1 + excess in [sqrt(1/2), sqrt(2)): the series of 2 atanh(excess / (2 +
    excess))."""
    ratio = excess / (np.float32(2.0) + excess)
    square = ratio * ratio
    series = np.float32(1.0 / 7.0) + square * np.float32(1.0 / 9.0)
    series = np.float32(1.0 / 5.0) + square * series
    series = np.float32(1.0 / 3.0) + square * series
    return np.float32(2.0) * _LOG2_E * ratio * (_ONE + square * series)


@exact
def log2_1p(value: Real) -> Real:
    """log2(1 + value) for value >= 0, accurate relative to the result however small the value is."""
    exponent, mantissa = _split(_ONE + value)
    excess = value if exponent == 0 else mantissa - _ONE
    return np.float32(exponent) + _log2_near_one(excess)


@exact
def log2(value: Real) -> Real:
    """log2 of a positive normal number."""
    exponent, mantissa = _split(value)
    return np.float32(exponent) + _log2_near_one(mantissa - _ONE)


@exact
def exp2(value: Real) -> Real:
    """2^value; exponents beyond +-125 count as that."""
    value = min(max(value, -_EXPONENT_LIMIT), _EXPONENT_LIMIT)
    whole = np.int32(np.floor(value + np.float32(0.5)))
    rest = _LN_2 * (value - np.float32(whole))  # |rest| <= ln(2) / 2
    series = np.float32(1.0 / 120.0) + rest * np.float32(1.0 / 720.0)
    series = np.float32(1.0 / 24.0) + rest * series
    series = np.float32(1.0 / 6.0) + rest * series
    series = np.float32(0.5) + rest * series
    series = _ONE + rest * (_ONE + rest * series)
    return series * float_of(np.int32((whole + _BIAS) << _MANTISSA_BITS))
