"""Parquet: a column of matrices, one network per row: lists, lists of lists, or Arrow's fixed-shape tensors."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import Source, Stored, check_size, shown
from gfm_ra.files.extras import needed
from gfm_ra.files.paths import foreign, opened

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes that are read ahead of a column; without it a row group is read whole.
_BUFFER_BYTES = 2**20


def parquet_source(path: Path) -> Source:
    """The columns of a Parquet file; those of lists are arrays [rows, ...], the others columns of numbers.

    Raises:
        InputError: it is damaged, something else, or pyarrow is missing.
    """
    needed("pyarrow", path)
    with opened(path) as file:
        if file.read(4) != b"PAR1":
            raise foreign(path, "a Parquet file")
    schema = _guarded(path, lambda: _file(path).schema_arrow)
    lists = [field.name for field in schema if _is_list(_storage(field.type))]
    named = [field.name for field in schema if field.name.lower() in ("gain", "gain_db")]
    return Source(
        list(dict.fromkeys(named + lists)) or schema.names,
        lambda name: _column(path, name),
        rows_are_networks=True,
    )


def _column(path: Path, name: str) -> Stored:
    file = _guarded(path, lambda: _file(path))
    count = _guarded(path, lambda: file.metadata.num_rows)
    first = next(_batches(path, name, 1), None)
    if first is None:
        return Stored((0, 1, 1), np.dtype(np.float64), lambda _: iter(()))
    shape = (count, *_matrices(first, path, name).shape[1:])
    check_size(path, shape, 4, path.stat().st_size)

    def rows(step: int) -> Iterator[np.ndarray]:
        for batch in _batches(path, name, step):
            part = _matrices(batch, path, name)
            if part.shape[1:] != shape[1:]:
                raise _uneven(path, name)
            yield part

    return Stored(shape, _matrices(first, path, name).dtype, rows)


def _file(path: Path) -> "Any":  # noqa: ANN401 (pyarrow has no types)
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _batches(path: Path, name: str, step: int) -> Iterator["pa.Array"]:
    file = _guarded(path, lambda: _file(path))
    try:
        batches = file.iter_batches(batch_size=step, columns=[name], use_threads=False)
        while (batch := _guarded(path, lambda: next(batches, None))) is not None:
            if len(batch):
                yield batch.column(0)
    finally:
        file.close()


def _guarded(path: Path, read: "Any") -> "Any":  # noqa: ANN401 (what the reading gives)
    """What Arrow reads, its errors as one line."""
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError, TypeError) as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{path} is a damaged Parquet file ({reason}): copy or write it again") from None


def _storage(kind: "pa.DataType") -> "pa.DataType":
    return getattr(kind, "storage_type", kind)


def _is_list(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _matrices(column: "pa.Array", path: Path, name: str) -> np.ndarray:
    """Rows of a column as an array [n, K, K], [n, width], or [n] for plain numbers; what is null becomes NaN."""
    import pyarrow as pa

    count, inner, order = len(column), (), None
    if isinstance(column.type, pa.FixedShapeTensorType):
        inner, order = tuple(column.type.shape), column.type.permutation
    column = getattr(column, "storage", column)
    lengths = []
    while _is_list(column.type):
        if column.null_count:
            raise InputError(
                f"{path}: column {shown(name)} has rows without a list: give every network its gains"
            )
        lengths.append(_length(column, path, name))
        column = column.flatten()
    numbers = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    if not numbers:
        raise InputError(f"{path}: column {shown(name)} must hold lists of numbers, not {column.type}")
    if column.null_count:
        column = column.cast(pa.float64())
    values = column.to_numpy(zero_copy_only=False)
    if inner and math.prod(inner) == math.prod(lengths):
        values = values.reshape(count, *inner)
        return values.transpose(0, *(1 + axis for axis in order)) if order else values
    return values.reshape(count, *lengths)


def _length(column: "pa.Array", path: Path, name: str) -> int:
    """How many numbers every list of a column holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_fixed_size_list(column.type):
        return column.type.list_size
    lengths = pc.call_function("min_max", [pc.call_function("list_value_length", [column])]).as_py()
    if lengths["min"] != lengths["max"]:
        raise _uneven(path, name)
    return lengths["min"] or 0


def _uneven(path: Path, name: str) -> InputError:
    return InputError(f"{path}: column {shown(name)} must hold K * K numbers in every row, the same K in all")
