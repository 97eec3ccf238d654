"""The numbers in the cells of a table, and where its blank lines are; what is no number is named by row and column."""

import csv
import math
import re
from array import array
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.paths import foreign
from gfm_ra.files.tables.dialect import UNKNOWN, Dialect, dialect_of, table_lines

# Two whole numbers, or one number with a decimal comma.
_PERHAPS_ONE = re.compile(r"\s*[-+]?\d+,\d+\s*")


class Cells(NamedTuple):
    """A table of numbers, NaN where they are unknown."""

    values: np.ndarray  # [rows, columns] float64
    line: np.ndarray  # [rows] number in the file, from 1
    breaks: list[int]  # rows that come after a blank line
    dialect: Dialect
    perhaps_one_column: bool  # all rows can be one number with a decimal comma each, as well as two

    def place(self, row: int, column: int = 0) -> str:
        """Where a number stands in the file, as a spreadsheet counts."""
        return f"row {self.line[row]}, column {column + 1 + self.dialect.labels}"


def read_cells(path: Path, decimal_comma: bool | None = None) -> Cells:
    """The numbers of a table; `decimal_comma` says of a table of one column that its commas are decimal ones.

    Raises:
        InputError: it is no text, or a cell is no number.
    """
    try:
        dialect, skipped = dialect_of(path)
        if decimal_comma:
            dialect = dialect._replace(separator=";", decimal_comma=True)
        return _read(path, dialect, skipped)
    except UnicodeDecodeError:
        raise foreign(path, "a table of numbers") from None
    except csv.Error as error:
        raise InputError(f"{path} is no table of numbers ({error}): save it as CSV again") from None


def _read(path: Path, dialect: Dialect, skipped: int) -> Cells:
    values, line_of, breaks = array("d"), array("q"), []
    width, pending, perhaps_one = 0, False, dialect.separator == "," and len(dialect.header) < 2
    empty, header_line = ' \t;,"' + (dialect.separator or ""), None
    for number, line in table_lines(path, dialect.encoding):
        if number <= skipped:
            header_line = line if dialect.header else None
            continue
        if not line.strip(empty) or line == header_line:  # a header may stand above every network
            pending = bool(line_of)
            continue
        row = _row(line, dialect, path, number)
        if width not in (0, len(row)):
            raise InputError(
                f"{path}, row {number} has {len(row)} cells where others have {width}: complete it"
            )
        if pending:
            breaks.append(len(line_of))
        width, pending = len(row), False
        perhaps_one = perhaps_one and bool(_PERHAPS_ONE.fullmatch(line))
        values.fromlist(row)
        line_of.append(number)
    if not width:
        raise InputError(f"{path} holds no numbers: write K rows of K gains for every network")
    table = np.frombuffer(values).reshape(-1, width)
    return Cells(table, np.frombuffer(line_of, np.int64), breaks, dialect, perhaps_one)


def _row(line: str, dialect: Dialect, path: Path, number: int) -> list[float]:
    """The numbers of a line. What the fast way does not read, or might read wrongly, goes cell by cell."""
    commas = dialect.decimal_comma and (dialect.separator == "," or "." in line)
    if not (commas or '"' in line or "_" in line):
        text = line.replace(",", ".") if dialect.decimal_comma else line
        try:
            return list(map(float, text.split(dialect.separator)[dialect.labels :]))
        except ValueError:
            pass
    cells = dialect.split(line)[dialect.labels :]
    return [
        _number(cell, dialect, path, number, place) for place, cell in enumerate(cells, 1 + dialect.labels)
    ]


def _number(cell: str, dialect: Dialect, path: Path, row: int, column: int) -> float:
    word = cell.strip().replace(
        "\u2212", "-"
    )  # the minus of typesetters, which some languages' settings write
    if word.lower() in UNKNOWN:
        return math.nan

    def refuse(why: str) -> NoReturn:
        raise InputError(f"{path}, row {row}, column {column}: {word[:30]!r} {why}")

    if dialect.decimal_comma:
        if "." in word:
            refuse(
                "has a point where other cells have a decimal comma: use one of them, without thousands marks"
            )
        word = word.replace(",", ".", 1)
    if re.fullmatch(r"[-+\d.eE]*[ij]|.*\d[ij]", word):
        refuse("is complex: write gains, abs(h)^2 over the noise power")
    if "_" in word:
        refuse("is no number: write digits without marks between them")
    try:
        return float(word)
    except ValueError:
        refuse("is no number: write numbers like 38.5, and leave unknown cells empty")
