"""How a table of numbers was written: encoding, separator, decimal comma, header row, column of labels.

Excel, LibreOffice, pandas, R and MATLAB write CSV differently, and the first two follow the language of the computer.
"""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gfm_ra.errors import InputError
from gfm_ra.files.paths import beginning, foreign, opened

# Empty cells, and what R, Excel and databases write for a value that is not known.
UNKNOWN = frozenset({"", "nan", "na", "n/a", "#n/a", "null", "-nan", "+nan"})
_SAMPLE_LINES = 100
# A comment, but none of Excel's error values.
_COMMENT = re.compile(r"(?:^|\s)#(?!N/A|NUM!|DIV/0!|VALUE!|REF!|NAME\?|NULL!)")
_SEPARATOR_LINE = re.compile(r"sep=(.)")
_QUOTED = re.compile(r'"[^"]*"')
_WITH_COMMA = re.compile(r"[-+\u2212]?\d+,\d+(?:[eE][-+]?\d+)?")
_PLAIN = re.compile(r"[-+\u2212]?\d+(?:[eE][-+]?\d+)?|[-+]?nan", re.IGNORECASE)
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Dialect(NamedTuple):
    """How the cells of a table are told apart and read."""

    separator: str | None  # None: blanks, however many
    decimal_comma: bool
    header: tuple[str, ...]  # the cells of the header row; empty without one
    labels: bool  # the first cell of every row is a name
    encoding: str

    def split(self, line: str) -> list[str]:
        """The cells of a line, without quotes."""
        if '"' in line:
            separator = self.separator or " "
            return next(csv.reader([line.strip(" ")], delimiter=separator, skipinitialspace=True))
        return line.split(self.separator)

    def said(self) -> str:
        """In words, for people."""
        between = {None: "blanks", ",": "commas", ";": "semicolons", "\t": "tabs"}
        words = [f"separated by {between.get(self.separator, repr(self.separator))}"]
        words += ["decimal comma"] * self.decimal_comma + ["header row"] * bool(self.header)
        return ", ".join(words + ["column of labels"] * self.labels)


def table_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines of a table with their numbers, from 1; comments are cut off, and lines that are nothing else left out.

    Raises:
        UnicodeDecodeError: the text is in another encoding.
    """
    with io.TextIOWrapper(opened(path), encoding) as text:
        for number, line in enumerate(text, 1):
            content = line.rstrip("\n")
            if "#" in content and (found := _COMMENT.search(content)):
                content = content[: found.start()]
                if not content.strip():
                    continue
            yield number, content


def dialect_of(path: Path) -> tuple[Dialect, int]:
    """How a table is written, from its first lines, and how many lines come before the first row of numbers.

    Raises:
        InputError: it is no text.
    """
    encoding = _encoding(path)
    lines = itertools.islice(table_lines(path, encoding), _SAMPLE_LINES)
    sample = [(number, line) for number, line in lines if line.strip(' \t;,"')]
    if not sample:
        raise InputError(f"{path} holds no numbers: write K rows of K gains for every network")
    skipped, separator = 0, ""
    if found := _SEPARATOR_LINE.fullmatch(sample[0][1].strip()):  # Excel's own hint
        skipped, separator = sample[0][0], found.group(1)
        sample = sample[1:]
    texts = [line for _, line in sample]
    chosen = separator or _separator(texts)
    dialect = Dialect(chosen, _has_decimal_comma(texts, chosen), (), False, encoding)
    rows = [[cell.strip() for cell in dialect.split(line)] for line in texts]
    if rows and _is_header(rows):
        skipped = sample[0][0]
        dialect, rows = dialect._replace(header=tuple(rows[0])), rows[1:]
    labels = [row[0] for row in rows if len(row) > 1 and tuple(row) != dialect.header]
    return dialect._replace(labels=bool(labels) and not any(map(is_number, labels))), skipped


def is_number(cell: str) -> bool:
    """Whether a cell may be read as a number or as unknown."""
    word = cell.strip().replace(",", ".").replace("\u2212", "-")
    try:
        float(word)
    except ValueError:
        return word.lower() in UNKNOWN
    return "_" not in word


def _encoding(path: Path) -> str:
    start = beginning(path, 4096)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if b"\0" in start or start[:2] == b"PK" or start[:2] == b"\x1f\x8b":
        raise foreign(path, "a table of numbers")
    with opened(path) as file:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block := file.read(2**20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _separator(lines: list[str]) -> str | None:
    bare = [_QUOTED.sub("Q", line) for line in lines]
    for mark in ("\t", ";"):
        if any(mark in line for line in bare):
            return mark
    data = bare[1:] or bare
    if any("," in line for line in bare):
        return None if any(map(_commas_are_decimal, (bare, data))) else ","
    return None if any(" " in line.strip() for line in data) else ","


def _commas_are_decimal(lines: list[str]) -> bool:
    """Whether all words are numbers with decimal commas, between blanks or in one column."""
    words = [line.split() for line in lines if line.strip()]
    uneven = len({line.count(",") for line in lines}) > 1 and max(map(len, words)) == 1
    apart = uneven or any(len(row) > 1 for row in words)
    return apart and all(
        _WITH_COMMA.fullmatch(word) or _PLAIN.fullmatch(word) for row in words for word in row
    )


def _has_decimal_comma(lines: list[str], separator: str | None) -> bool:
    """Whether a cell is a number with a comma; where commas separate, such cells are in quotes."""
    if separator == ",":
        return any(
            _WITH_COMMA.fullmatch(cell[1:-1].strip()) for line in lines for cell in _QUOTED.findall(line)
        )
    return any(_WITH_COMMA.fullmatch(cell.strip(' "')) for line in lines for cell in line.split(separator))


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: by text, or, as pandas and R do, by numbers behind an empty cell."""
    first, later = rows[0], rows[1:]
    texts = [cell for cell in first if not is_number(cell)]
    counted = len(first) > 1 and all(cell.isdigit() for cell in first[1:])
    counted = counted and [int(cell) for cell in first[1:]] in (
        list(range(len(first) - 1)),
        list(range(1, len(first))),
    )
    if not texts:
        return first[0] == "" and counted
    if texts == [first[0]] and len(first) > 1:  # a row with a label, or the label of the labels
        return counted and bool(later)
    return len([cell for cell in first if cell and is_number(cell)]) == 0
