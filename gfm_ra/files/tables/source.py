"""Networks in a table of numbers: K rows of K gains, below each other, or one row of K * K gains for each.

Header rows and columns of row numbers are left out. What can be read in two ways is refused.
"""

import math
from pathlib import Path

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import Source, Stored, held
from gfm_ra.files.tables.cells import Cells, read_cells


def table_source(path: Path) -> Source:
    """The networks of a table: one [K, K], or several [B, K, K].

    Raises:
        InputError: it is no table of numbers, no networks, or may mean two things.
    """
    return Source([""], lambda _: _networks(read_cells(path), path))


def _networks(cells: Cells, path: Path) -> Stored:
    if cells.perhaps_one_column:
        whole, part = (f"{value:.0f}" for value in cells.values[0])
        raise InputError(
            f"{path}, {cells.place(0)}: '{whole},{part}' may be the number {whole}.{part} or the numbers {whole} and "
            f"{part}: write {whole}.{part}, or {whole}.0,{part}.0"
        )
    cells, counted = _without_counts(_without_empty_edges(cells), path)
    values, how = _arranged(cells, path)
    return held(values, ", ".join(filter(None, [cells.dialect.said(), counted, how])))


def _without_empty_edges(cells: Cells) -> Cells:
    """Separators at the ends of all rows, or an empty first column, make columns without any number."""
    values = cells.values
    while values.shape[1] > 1 and np.isnan(values[:, -1]).all():
        values = values[:, :-1]
    return cells._replace(values=values)


def _without_counts(cells: Cells, path: Path) -> tuple[Cells, str]:
    """Leave out the row or the column that only counts, as pandas writes them; they are numbers like the others."""
    rows, columns = cells.values.shape
    if cells.dialect.labels:
        return cells, ""
    if cells.dialect.header:
        if names_no_first_column(cells.dialect.header, columns):
            return _without_first_column(cells), "column of row numbers"
    elif rows > 1 and np.array_equal(cells.values[0], np.arange(columns)) and _fits(rows - 1, columns):
        _check_counts(cells.values[1:], _fits(rows, columns), f"{path}, row {cells.line[0]}", "row")
        breaks = [row - 1 for row in cells.breaks if row > 1]
        return cells._replace(
            values=cells.values[1:], line=cells.line[1:], breaks=breaks
        ), "row of column numbers"
    first = cells.values[:, 0]
    if columns > 2 and _fits(rows, columns - 1) and any(
        np.array_equal(first, np.arange(rows) + start) for start in (0, 1)
    ):  # fmt: skip
        _check_counts(cells.values[:, 1:], _fits(rows, columns), f"{path}, {cells.place(0)}", "column")
        return _without_first_column(cells), "column of row numbers"
    return cells, ""


def _without_first_column(cells: Cells) -> Cells:
    return cells._replace(values=cells.values[:, 1:])


def names_no_first_column(header: tuple[str, ...], columns: int) -> bool:
    """Whether the first column is the row numbers': without a name, as pandas and R write it, or above counted ones."""
    if not header:
        return False
    names = [name for name in header if name]
    if len(header) == columns - 1:
        return True
    counted = columns > 2 and header[1:columns] == tuple(map(str, range(columns - 1)))
    return (header[0] == "" and len(names) == columns - 1) or (counted and not header[0].isdigit())


def _fits(rows: int, columns: int) -> bool:
    """Whether rows of so many numbers are whole networks."""
    return rows % columns == 0 or (columns > 1 and math.isqrt(columns) ** 2 == columns)


def _check_counts(others: np.ndarray, also_gains: bool, where: str, what: str) -> None:
    """Refuse whole numbers that count, among whole numbers, where they may as well be gains."""
    if also_gains and not (others % 1).any():
        raise InputError(
            f"{where}: this {what} may be numbers of links or gains: leave it out, or write 0.0 for gains"
        )


def _arranged(cells: Cells, path: Path) -> tuple[np.ndarray, str]:
    """[K, K] or [B, K, K], and how the rows were understood."""
    values, (rows, columns) = cells.values, cells.values.shape
    starts = [0, *cells.breaks, rows]
    sizes = np.diff(starts)
    root = math.isqrt(columns)
    flat = root > 1 and root * root == columns
    if len(sizes) > 1 and sizes.max() > 1:  # blank lines between networks, not between all rows
        for start, size in zip(starts, sizes, strict=False):
            if size % columns:
                raise InputError(
                    f"{path}, from row {cells.line[start]}: {size} rows of {columns} numbers between blank lines: "
                    f"each network takes {columns} rows"
                )
        return values.reshape(-1, columns, columns), ""
    if rows % columns == 0:
        stacked = values.reshape(-1, columns, columns)
        if flat and rows > columns:
            _check_stacked(stacked, values.reshape(-1, root, root), path)
        return (values, "") if rows == columns else (stacked, "networks below each other")
    if flat:
        return values.reshape(-1, root, root), "one network per row"
    raise InputError(
        f"{path} has {rows} rows of {columns} numbers: each network takes {columns} rows, or one row of K * K"
    )


def _check_stacked(stacked: np.ndarray, flat: np.ndarray, path: Path) -> None:
    """Refuse rows that make sense as a network each, and not as rows of larger networks."""
    if own_largest(stacked) < 0.5 and own_largest(flat) > 0.9:
        raise InputError(
            f"{path} may hold {len(stacked)} networks of {stacked.shape[-1]} links or {len(flat)} of {flat.shape[-1]}, "
            "one per row: put a blank line behind each network, or write .npy"
        )


def own_largest(gain: np.ndarray) -> float:
    """Part of the receivers whose own transmitter is received best, of gains [n, K, K] with row = receiver."""
    own = np.diagonal(gain, axis1=-2, axis2=-1)  # [n, K]
    known = ~np.isnan(own)
    return float((own >= np.fmax.reduce(gain, axis=-1))[known].mean()) if known.any() else 1.0
