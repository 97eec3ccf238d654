"""Gains and powers in the files that people have: .npy, .npz, .csv and .parquet."""

import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfm_ra.errors import UserError
from gfm_ra.files.columns import matrix_column

SHAPES = "gains of shape [K, K] or [B, K, K]"
NAMES = {"gain": False, "gain_db": True}  # arrays and columns whose name tells the unit


class Gains(NamedTuple):
    """What a gains file holds, and whether it is in dB as far as the file tells."""

    values: np.ndarray  # [K, K] or [B, K, K]
    db: bool | None


def read_gains(path: Path) -> Gains:
    """Gains from a file, by its ending.

    Raises:
        UserError: the file is missing, of an unknown kind, damaged, or holds something else.
    """
    return _square(_of_kind(_READERS, path)(path), path)


def write_array(path: Path, values: np.ndarray, name: str) -> None:
    """Write powers [K] or [B, K], or gains [B, K, K], by the file's ending; `name` is that of array or column.

    Raises:
        UserError: the ending is unknown.
    """
    writer = _of_kind(_WRITERS, path)
    # Beside it first: a full disk or a kill leaves the old file as it was. The ending is numpy's to add otherwise.
    partial = path.with_name(f".{path.stem}.partial{path.suffix.lower()}")
    try:
        writer(partial, values, name)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Raise UserError before any work if a result could not be written there."""
    _of_kind(_WRITERS, path)
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path.absolute().parent} is no folder: make it, or write {path.name} elsewhere")


def _of_kind(table: dict[str, Callable], path: Path) -> Callable:
    if path.suffix.lower() not in table:
        raise UserError(f"{path} must end in {', '.join(table)}")
    return table[path.suffix.lower()]


def _square(gains: Gains, path: Path) -> Gains:
    values = gains.values
    if values.dtype.kind not in "fiu" or values.ndim not in (2, 3) or values.shape[-1] != values.shape[-2]:
        raise UserError(f"{path} must hold {SHAPES}, not {values.dtype} {list(values.shape)}")
    if 0 in values.shape:
        raise UserError(f"{path} holds no networks")
    return gains


def _opened(path: Path) -> np.ndarray | np.lib.npyio.NpzFile:
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give a file with {SHAPES}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a {path.suffix} file of numbers ({error})") from None


def _read_npy(path: Path) -> Gains:
    values = _opened(path)
    if not isinstance(values, np.ndarray):
        raise UserError(f"{path} holds several arrays: call it .npz")
    return Gains(values, None)


def _read_npz(path: Path) -> Gains:
    archive = _opened(path)
    if isinstance(archive, np.ndarray):
        raise UserError(f"{path} holds one array: call it .npy")
    with archive:
        name = _choose(list(archive), path)
        try:
            return Gains(archive[name], NAMES.get(name))
        except (ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: array {name} cannot be read ({error})") from None


def _choose(names: list[str], path: Path) -> str:
    named = [name for name in names if name in NAMES]
    if len(named or names) != 1:
        raise UserError(f"{path} holds {', '.join(names) or 'nothing'}: call one of them gain or gain_db")
    return (named or names)[0]


def _read_csv(path: Path) -> Gains:
    """K rows of K numbers per network; networks below each other."""
    try:
        rows = np.loadtxt(path, delimiter=",", ndmin=2)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give a file with {SHAPES}") from None
    except ValueError as error:
        raise UserError(f"{path} is not a table of numbers separated by commas ({error})") from None
    links = rows.shape[-1]
    if len(rows) % links:
        raise UserError(f"{path} has {len(rows)} rows of {links} numbers: each network takes {links} rows")
    return Gains(rows if len(rows) == links else rows.reshape(-1, links, links), None)


def _read_parquet(path: Path) -> Gains:
    """One row per network, a list of K * K numbers (or K lists of K) in column gain or gain_db."""
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give a file with {SHAPES}") from None
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is not a Parquet file ({error})") from None
    name = _choose(table.column_names, path)
    column, lists, alike = table.column(name).combine_chunks(), 0, True
    while _is_list(column.type):
        alike = alike and len(set(pc.call_function("list_value_length", [column]).to_pylist())) <= 1
        column, lists = column.flatten(), lists + 1
    plain = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    if not lists or column.null_count or not plain:
        raise UserError(f"{path}: column {name} must hold lists of numbers, without gaps")
    count = table.num_rows
    links = math.isqrt(len(column) // max(count, 1))
    if count == 0 or not alike or links * links * count != len(column):
        raise UserError(f"{path}: column {name} must hold K * K numbers in every row, the same K in all")
    values = column.to_numpy(zero_copy_only=False)
    return Gains(values.reshape(count, links, links), NAMES.get(name))


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _write_npz(path: Path, values: np.ndarray, name: str) -> None:
    np.savez(path, **{name: values})  # pyright: ignore[reportArgumentType]


def _write_csv(path: Path, values: np.ndarray, _: str) -> None:
    np.savetxt(path, values.reshape(-1, values.shape[-1]), fmt="%.7g", delimiter=",")


def _write_parquet(path: Path, values: np.ndarray, name: str) -> None:
    pq.write_table(pa.table({name: matrix_column(values if values.ndim > 1 else values[None])}), path)


_READERS: dict[str, Callable[[Path], Gains]] = {
    ".npy": _read_npy, ".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet,
}  # fmt: skip
_WRITERS: dict[str, Callable[[Path, np.ndarray, str], None]] = {
    ".npy": lambda path, values, _: np.save(path, values),
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
