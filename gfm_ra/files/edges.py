"""Sparse networks in files: a row per listed gain in Parquet, compressed rows in .npz.

Parquet has the columns receiver, transmitter and gain (linear) or gain_db. An .npz has row_start [K + 1], transmitter
[E] and gain or gain_db [E]: the gains at receiver k are numbers row_start[k] to row_start[k + 1]; and, for a far field,
cell [K], far_gain [K, C] and perhaps far_largest [K, C]. Own gains are listed like all others. position_m [K, 2], where
the transmitters stand, changes no answer of one process: what cuts a network into tiles reads it.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import UNIT_OF, shown
from gfm_ra.files.extras import needed
from gfm_ra.files.npy import npz_source
from gfm_ra.files.parquet import parquet_source
from gfm_ra.files.paths import check_output
from gfm_ra.gains.sparse_network import SparseNetwork, from_edges

_TABLE = ("receiver", "transmitter")
_ROWS = ("row_start", "transmitter")
_FAR = ("cell", "far_gain", "far_largest")
_POSITION = "position_m"


def holds_edges(path: Path) -> bool:
    """Whether a file's columns or arrays are those of a sparse network.

    Raises:
        InputError: it ends in .parquet or .npz and is missing, damaged or something else.
    """
    return path.suffix.lower() in _READERS and set(_keys(path)) <= set(_names(path))


def read_edges(path: Path) -> SparseNetwork:
    """The sparse network of a .parquet or .npz file.

    Raises:
        InputError: the ending is another one, the file is missing or damaged, a column or an array is missing, one is
            there that means nothing here, or the edges are no network; the line says what.
    """
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path} must end in {' or '.join(_READERS)}: write the edges as one of them")
    names = _names(path)
    units = [name for name in names if name in UNIT_OF]
    keys = _keys(path)
    missing = [name for name in keys if name not in names]
    if missing or len(units) != 1:
        raise InputError(
            f"{path} holds {', '.join(map(shown, names[:8]))}: a sparse network has {', '.join(keys)}, and one of "
            f"{' and '.join(UNIT_OF)}"
        )
    known = {*keys, *units, *((*_FAR, _POSITION) if keys == _ROWS else ())}
    for name in names:
        if name not in known:
            raise InputError(f"{path} holds {shown(name)}, which is not heeded: leave it out")
    arrays = _READERS[path.suffix.lower()](path, names)
    try:
        return from_edges(*_ends(path, arrays), **{units[0]: arrays[units[0]], **_far(arrays)})
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def read_positions(path: Path) -> np.ndarray | None:
    """Where the transmitters of a file's network stand, [K, 2] in metres; None where the file does not say.

    Raises:
        InputError: as `read_edges`.
    """
    if path.suffix.lower() != ".npz" or _POSITION not in _names(path):
        return None
    return _read_rows(path, [_POSITION])[_POSITION]


def write_edges(path: Path, network: SparseNetwork, position_m: np.ndarray | None = None) -> None:
    """Write a sparse network, linear; the file appears when all is written.

    position_m: [K, 2], where the transmitters stand.

    Raises:
        InputError: another ending than .parquet or .npz, a folder that is missing, pyarrow that is missing, or a far
            field or positions in Parquet, which has no place for them.
    """
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        raise InputError(f"{path} must end in {' or '.join(_WRITERS)}: name the network so")
    if ending == ".parquet":
        needed("pyarrow", path)
        if network.far is not None:
            raise InputError(f"{path}: Parquet has no place for the far field: write .npz")
        if position_m is not None:
            raise InputError(f"{path}: Parquet has no place for positions: write .npz")
    check_output(path)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{ending}")
    try:
        with partial.open("xb") as file:
            _WRITERS[ending](file, network, {} if position_m is None else {_POSITION: position_m})
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _keys(path: Path) -> tuple[str, ...]:
    return _TABLE if path.suffix.lower() == ".parquet" else _ROWS


def _names(path: Path) -> list[str]:
    if path.suffix.lower() == ".npz":
        return list(npz_source(path).names)
    parquet_source(path)  # says whether it is a Parquet file
    import pyarrow.parquet as pq

    return list(pq.read_schema(path).names)


def _ends(path: Path, arrays: dict[str, np.ndarray]) -> tuple[int, np.ndarray, np.ndarray]:
    """Number of links, receivers and transmitters."""
    transmitter = arrays["transmitter"]
    if "receiver" in arrays:
        receiver = arrays["receiver"]
        if receiver.dtype.kind not in "iu":
            raise InputError(
                f"{path}: receiver must be whole numbers, the number of a link per edge, got {receiver.dtype}: write "
                "links as numbers from 0"
            )
        # Every link has its own gain, so the last one is the largest number.
        return int(receiver.max(initial=0)) + 1, receiver, transmitter
    start, edges = arrays["row_start"], transmitter.size
    if not _rises(start, edges):
        raise InputError(
            f"{path}: row_start must be whole numbers [K + 1] that rise from 0 to the {edges} transmitters"
        )
    links = len(start) - 1
    return links, np.repeat(np.arange(links), np.diff(start.astype(np.int64))), transmitter


def _rises(start: np.ndarray, edges: int) -> bool:
    """Whether these are whole numbers [K + 1] that rise from 0 to the number of edges."""
    if start.ndim != 1 or start.dtype.kind not in "iu" or len(start) < 2:
        return False
    # Compared, not subtracted: differences of unsigned numbers are never negative.
    return bool((start[1:] >= start[:-1]).all()) and int(start[0]) == 0 and int(start[-1]) == edges


def _far(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: arrays[name] for name in _FAR if name in arrays}


def _read_table(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=names)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path} is a damaged Parquet file ({reason}): copy or write it again") from None
    found: dict[str, np.ndarray] = {}
    for name in names:
        column = table.column(name)
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy()))
            raise InputError(f"{path}: {name} of row {row} is empty: leave out edges that are not there")
        found[name] = column.to_numpy()
    return found


def _read_rows(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    source = npz_source(path)
    found: dict[str, np.ndarray] = {}
    for name in names:
        stored = source.get(name)
        parts = list(stored.rows(max(1, stored.shape[0] if stored.shape else 1)))
        found[name] = np.concatenate(parts) if parts else np.empty(stored.shape, stored.dtype)
    return found


def _write_table(file: BinaryIO, network: SparseNetwork, _: dict[str, np.ndarray]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = dict(zip((*_TABLE, "gain"), network.listed(), strict=True))
    pq.write_table(pa.table(columns), file)


def _write_rows(file: BinaryIO, network: SparseNetwork, more: dict[str, np.ndarray]) -> None:
    receiver, transmitter, gain = network.listed()
    start = np.zeros(network.links + 1, dtype=np.int64)
    np.cumsum(np.bincount(receiver, minlength=network.links), out=start[1:])
    arrays = {"row_start": start, "transmitter": transmitter, "gain": gain, **more}
    if network.far is not None:
        arrays |= {"cell": network.far.cell, "far_gain": network.far.gain}
        if network.far.largest is not None:
            arrays["far_largest"] = network.far.largest
    np.savez(file, allow_pickle=False, **arrays)


_READERS: dict[str, Callable[[Path, list[str]], dict[str, np.ndarray]]] = {
    ".parquet": _read_table,
    ".npz": _read_rows,
}
_WRITERS: dict[str, Callable[[BinaryIO, SparseNetwork, dict[str, np.ndarray]], None]] = {
    ".parquet": _write_table,
    ".npz": _write_rows,
}
