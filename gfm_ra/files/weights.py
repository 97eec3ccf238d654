"""Priorities of links in a file: K numbers in a row or in a column, or an array called weights."""

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
    if SOURCES.get(path.suffix.lower()) is table_source:
        return _of_cells(path, links)
    source = source_of(path)
    stored = source.get(choose(source, path, ("weights",)))
    check_numbers(path, stored.dtype)
    sides = [length for length in stored.shape if length != 1]
    if stored.shape == () or len(sides) > 1 or max(sides, default=1) != links:
        raise _wrong(path, links, f"an array {list(stored.shape)}")
    parts = [as_floats(part, np.dtype(np.float64), path) for part in stored.rows(max(stored.shape))]
    return _known(np.concatenate(parts).reshape(-1), path, links)


def _of_cells(path: Path, links: int) -> np.ndarray:
    cells = read_cells(path)
    if cells.perhaps_one_column and cells.values.size != links:
        if _count(cells.values[:, 0]):
            raise InputError(
                f"{path}, {cells.place(0)}: the first column may be row numbers, or its commas decimal ones: write the "
                "priorities alone, with a decimal point"
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
        raise _wrong(path, links, f"{rows} rows of {columns} numbers")
    return _known(values.reshape(-1).copy(), path, links)


def _count(column: np.ndarray) -> bool:
    """Whether numbers only count their rows, from 0 or from 1."""
    return len(column) > 1 and any(np.array_equal(column, np.arange(len(column)) + start) for start in (0, 1))


def _known(values: np.ndarray, path: Path, links: int) -> np.ndarray:
    if np.isnan(values).any():
        raise _wrong(path, links, f"number {int(np.isnan(values).argmax()) + 1} unknown")
    return values


def _wrong(path: Path, links: int, there: str) -> InputError:
    return InputError(f"{path} must hold {links} numbers, one priority per link, not {there}")
