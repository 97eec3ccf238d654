"""One number per link in a file, priorities or powers: K numbers in a row or in a column, or an array of that name."""

from pathlib import Path

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import as_floats, check_numbers, choose
from gfm_ra.files.gains import SOURCES, source_of
from gfm_ra.files.tables.cells import read_cells
from gfm_ra.files.tables.source import names_no_first_column, table_source


def read_weights(path: Path, links: int) -> np.ndarray:
    """One priority per link, [K] float64, from a file of any format that gains may have.

    Raises:
        InputError: it is missing, damaged, or does not hold K numbers.
    """
    return _read(path, links, "weights", "priority")


def read_powers(path: Path, links: int, networks: int = 1, number: int = 0) -> np.ndarray:
    """Powers of the links of one of so many networks, [K] float64, as `gfm-ra allocate` writes them: K or [B, K].

    Raises:
        InputError: it is missing, damaged, or does not hold K numbers from 0 to 1 for every network.
    """
    if networks == 1:
        power = _read(path, links, "power", "power")
    else:
        power = _known(_rows(path, links, networks)[number], path, links, "power")
    if not (wrong := (power < 0) | (power > 1)).any():
        return power
    raise InputError(f"{path} holds {power[wrong][0]:g}: powers are parts of full power, from 0 to 1")


def _rows(path: Path, links: int, networks: int) -> np.ndarray:
    """Powers [B, K] of every network."""
    if SOURCES.get(path.suffix.lower()) is table_source:
        values = read_cells(path).values
    else:
        source = source_of(path)
        stored = source.get(choose(source, path, ("power",)))
        check_numbers(path, stored.dtype)
        parts = stored.rows(networks) if stored.shape == (networks, links) else ()
        values = np.concatenate(
            [np.empty((0, links)), *(as_floats(part, np.dtype(float), path) for part in parts)]
        )
    if values.shape != (networks, links):
        raise InputError(f"{path} must hold {networks} rows of {links} powers, a row per network")
    return values


def _read(path: Path, links: int, name: str, what: str) -> np.ndarray:
    """An array of that name, or the only one, with one number per link."""
    if SOURCES.get(path.suffix.lower()) is table_source:
        return _of_cells(path, links, what)
    source = source_of(path)
    stored = source.get(choose(source, path, (name,)))
    check_numbers(path, stored.dtype)
    sides = [length for length in stored.shape if length != 1]
    if stored.shape == () or len(sides) > 1 or max(sides, default=1) != links:
        raise _wrong(path, links, f"an array {list(stored.shape)}", what)
    parts = [as_floats(part, np.dtype(np.float64), path) for part in stored.rows(max(stored.shape))]
    return _known(np.concatenate(parts).reshape(-1), path, links, what)


def _of_cells(path: Path, links: int, what: str) -> np.ndarray:
    cells = read_cells(path)
    if cells.perhaps_one_column and cells.values.size != links:
        if _count(cells.values[:, 0]):
            raise InputError(
                f"{path}, {cells.place(0)}: the first column may be row numbers, or its commas decimal ones: write the "
                "numbers of the links alone, with a decimal point"
            )
        cells = read_cells(path, decimal_comma=True)
    values = cells.values[:, ~np.isnan(cells.values).all(axis=0)]
    rows, columns = values.shape
    # What pandas writes around a series or a row: numbers of rows, numbers of columns, the number that names a column.
    if names_no_first_column(cells.dialect.header, columns) or (
        columns == 2 and rows == links and _count(values[:, 0])
    ):
        values = values[:, 1:]
    numbered = rows == 2 and columns == links and np.array_equal(values[0], np.arange(columns))
    if numbered or (columns == 1 and rows == links + 1 and values[0, 0] == 0):
        values = values[1:]
    if 1 not in values.shape or values.size != links:
        raise _wrong(path, links, f"{rows} rows of {columns} numbers", what)
    return _known(values.reshape(-1).copy(), path, links, what)


def _count(column: np.ndarray) -> bool:
    """Whether numbers only count their rows, from 0 or from 1."""
    return len(column) > 1 and any(np.array_equal(column, np.arange(len(column)) + start) for start in (0, 1))


def _known(values: np.ndarray, path: Path, links: int, what: str) -> np.ndarray:
    if np.isnan(values).any():
        raise _wrong(path, links, f"number {int(np.isnan(values).argmax()) + 1} unknown", what)
    return values


def _wrong(path: Path, links: int, there: str, what: str) -> InputError:
    return InputError(f"{path} must hold {links} numbers, one {what} per link, not {there}")
