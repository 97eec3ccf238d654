"""Tables with a line of column names: rows as dictionaries, and the numbers and times in them."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gfm_ra.errors import InputError

_MILLISECONDS_FROM = 1e11
"""Numbers of seconds beyond this lie after the year 5138: they count milliseconds."""
_MOST_POWER_DBM = 100.0


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    path: Path
    line: int
    values: dict[str, str]  # by column in lower case; empty cells are left out

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.path}, line {self.line}"

    def text(self, column: str) -> str:
        """The text in a column that must not be empty. Raises InputError."""
        if column not in self.values:
            raise InputError(f"{self.place}: {column} is empty: write it")
        return self.values[column]

    def number(self, column: str) -> float:
        """The number in a column that must not be empty; NaN and infinities as they are. Raises InputError."""
        text = self.text(column)
        try:
            return float(text)
        except ValueError:
            raise InputError(
                f"{self.place}: {column} is {text!r}: write a number, with a decimal point"
            ) from None

    def finite(self, column: str) -> float:
        """The same, refusing what is not finite. Raises InputError."""
        value = self.number(column)
        if not math.isfinite(value):
            raise InputError(f"{self.place}: {column} is {value:g}: write a finite number")
        return value

    def number_or_none(self, column: str) -> float | None:
        """The finite number in a column, None if that is empty or not there. Raises InputError."""
        return self.finite(column) if column in self.values else None

    def power_dbm(self, column: str) -> float:
        """The power in dBm in a column that must not be empty. Raises InputError, also above 100 dBm, 10 MW."""
        value = self.finite(column)
        if value > _MOST_POWER_DBM:
            raise InputError(
                f"{self.place}: {column} is {value:g}, more than any transmitter sends: write the power in dBm"
            )
        return value

    def power_dbm_or_none(self, column: str) -> float | None:
        """The same, None if the column is empty or not there. Raises InputError."""
        return self.power_dbm(column) if column in self.values else None

    def time_s(self, column: str) -> float | None:
        """The time in a column, None if that is empty or not there. Raises InputError."""
        return time_s(self.values[column], f"{self.place}: {column}") if column in self.values else None


def read_table(path: Path, needed: Iterable[str], optional: Iterable[str]) -> list[Row]:
    """Rows of a CSV file whose first line names the columns; separated by commas, semicolons or tabs.

    Raises:
        InputError: the file is missing, empty or no text; a needed column is missing; a column is not known or there
            twice; a line is longer than the first one.
    """
    names, lines = _lines(path)
    needed, optional = list(needed), list(optional)
    for name in needed:
        if name not in names:
            raise InputError(f"{path}: column {name} is missing: there are {', '.join(names)}")
    for name in names:
        if name not in (*needed, *optional):
            known = ", ".join((*needed, *optional))
            raise InputError(f"{path}: column {name!r} is not known: leave it out, or use one of {known}")
    rows = []
    for line, cells in lines:
        if len(cells) > len(names):
            raise InputError(f"{path}, line {line}: {len(cells)} cells, but {len(names)} columns")
        values = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if cell.strip()}
        if values:
            rows.append(Row(path, line, values))
    if not rows:
        raise InputError(f"{path} holds no line below its column names: write the reports there")
    return rows


def columns_of(path: Path) -> list[str]:
    """Names of the columns, in lower case. Raises InputError as `read_table`."""
    return _lines(path)[0]


def text_of(path: Path) -> str:
    """A text file. Raises InputError if it is missing, unreadable, empty or no text."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path} is missing: check the path") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text in UTF-8: save it as such") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check path and permissions") from None
    if not text.strip():
        raise InputError(f"{path} is empty: write the reports into it first")
    return text


def _lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Column names, and the other lines with their numbers."""
    text = text_of(path)
    first = text.lstrip().splitlines()[0]
    separator = max(",;\t", key=first.count)
    try:
        reader = csv.reader(text.splitlines(), delimiter=separator, strict=True)
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise InputError(f"{path} is no table ({error}): check the quotes") from None
    if not lines:
        raise InputError(f"{path} names no column: write the names of the columns into its first line")
    names = [name.strip().lower() for name in lines[0][1]]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{path}: column {twice!r} is there twice: leave one out")
    return names, lines[1:]


def time_s(value: object, place: str) -> float:
    """Seconds since 1970 UTC of a number (seconds, or milliseconds from 1e11 on) or of a date and time as ISO 8601 has
    it, with a blank for the T too, in UTC unless an offset is said.

    Raises InputError for anything else.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number):
        return number / 1e3 if abs(number) >= _MILLISECONDS_FROM else number
    try:
        found = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise InputError(
            f"{place} is {str(value)[:30]!r}: write seconds since 1970 or 2026-03-18T02:23:18"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
