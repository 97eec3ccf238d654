"""JSON: an object with gain or gain_db, or the nested lists alone; null means unknown.

The text is mapped, not decoded, and rows of numbers are read one by one: Python's objects for the same numbers would
take several times the array.
"""

import codecs
import json
import mmap
import re
from array import array
from pathlib import Path

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import Source, held
from gfm_ra.files.paths import opened

_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb"[-+.\w]++")
_BRACKET = re.compile(rb'[^"\[\]{}]*+("|[\[\]{}])')
_ROW = re.compile(rb"[-+.eE\d,\s]*+")
_NUMBER = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_UNKNOWN = (b"null", b"NaN")
_MOST_CHECKED_BYTES = 2**20
_MOST_DEPTH = 8
_MOST_MAPPED_BYTES = 2**24

Text = bytes | mmap.mmap


def json_source(path: Path) -> Source:
    """The arrays of a JSON file: the fields of an object that are lists, or the one list that it is.

    Raises:
        InputError: it is damaged, or holds something else.
    """
    text = _text(path)
    start = _after_space(text, 0)
    if text[start : start + 1] == b"[":
        values, end = _array(text, start, path)
        _check_end(text, end, path)
        return Source([""], lambda _: held(values))
    if text[start : start + 1] != b"{":
        raise _fault(path, start, 'an object {"gain_db": [[...]]} or a list must stand here')
    places = _fields(text, start, path)
    lists = {name: place for name, place in places.items() if text[place : place + 1] == b"["}
    others = [name for name in places if name not in lists]
    return Source(list(lists), lambda name: held(_array(text, places[name], path)[0]), others)


def _text(path: Path) -> Text:
    with opened(path) as file:
        text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if text[:2] == mark:
            try:
                return text[:].decode(encoding).encode()
            except UnicodeDecodeError:
                raise InputError(f"{path} is damaged UTF-16: save it as UTF-8") from None
    return text


def _forget(text: Text, forgotten: int, place: int) -> int:
    """Give pages of the mapped file back that were read; where the next ones to give back start."""
    if place - forgotten < _MOST_MAPPED_BYTES or isinstance(text, bytes):
        return forgotten
    start = forgotten // mmap.PAGESIZE * mmap.PAGESIZE
    text.madvise(mmap.MADV_DONTNEED, start, (place - start) // mmap.PAGESIZE * mmap.PAGESIZE)
    return place


def _after_space(text: Text, place: int) -> int:
    if place == 0 and text[:3] == codecs.BOM_UTF8:
        place = 3
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _fault(path: Path, place: int, what: str) -> InputError:
    return InputError(f"{path} is no JSON as expected: at byte {place + 1}, {what}")


def _check_end(text: Text, place: int, path: Path) -> None:
    if (place := _after_space(text, place)) != len(text):
        raise _fault(path, place, "something follows: write one object to a file")


def _fields(text: Text, start: int, path: Path) -> dict[str, int]:
    """Where the value of each field of the top object starts."""
    fields: dict[str, int] = {}
    place = _after_space(text, start + 1)
    if text[place : place + 1] == b"}":
        _check_end(text, place + 1, path)
        return fields
    while True:
        found = _STRING.match(text, place)
        if not found:
            raise _fault(path, place, "a field's name in quotes must stand here")
        name = _checked(path, place, found.group())
        place = _after_space(text, found.end())
        if text[place : place + 1] != b":":
            raise _fault(path, place, "a colon must stand here")
        if name in fields:
            raise InputError(f"{path} holds {name!r} twice: leave one of them out")
        fields[name] = place = _after_space(text, place + 1)
        place = _after_space(text, _skipped(text, place, path))
        mark = text[place : place + 1]
        if mark == b"}":
            _check_end(text, place + 1, path)
            return fields
        if mark != b",":
            raise _fault(path, place, "a comma or the closing brace must stand here")
        place = _after_space(text, place + 1)


def _checked(path: Path, place: int, part: bytes) -> str:
    """A small value, read by the standard library to see that it is one."""
    try:
        return json.loads(part)
    except (ValueError, RecursionError):
        raise _fault(path, place, "this value is no JSON") from None


def _skipped(text: Text, start: int, path: Path) -> int:
    """The place behind a value."""
    first = text[start : start + 1]
    if first not in (b"[", b"{"):
        found = (_STRING if first == b'"' else _SCALAR).match(text, start)
        if not found:
            raise _fault(path, start, "a value must stand here")
        if found.end() - start <= _MOST_CHECKED_BYTES:
            _checked(path, start, found.group())
        return found.end()
    place, depth, forgotten = start, 0, start
    while found := _BRACKET.match(text, place):
        mark, place = found.group(1), found.end()
        forgotten = _forget(text, forgotten, place)
        if mark == b'"':
            word = _STRING.match(text, place - 1)
            if not word:
                break
            place = word.end()
            continue
        depth += 1 if mark in (b"[", b"{") else -1
        if depth == 0:
            if first == b"{" and place - start <= _MOST_CHECKED_BYTES:
                _checked(path, start, text[start:place])
            return place
    raise _fault(path, len(text), "the file ends within a value: it is cut off")


def _array(text: Text, start: int, path: Path) -> tuple[np.ndarray, int]:
    """Nested lists of numbers as an array, and the place behind them; the first row of each depth sets the shape."""
    values, shape, counts = array("d"), [-1] * _MOST_DEPTH, [0] * _MOST_DEPTH
    place, depth, deepest, forgotten = start, 0, 0, start
    while True:
        forgotten = _forget(text, forgotten, place)
        mark = text[place : place + 1]
        if mark == b"[":
            if depth == _MOST_DEPTH or (deepest and depth == deepest):
                raise _fault(
                    path, place, "a list stands where others have a number, or lists are nested too deeply"
                )
            counts[depth] = 0
            depth, place = depth + 1, _after_space(text, place + 1)
            if text[place : place + 1] == b"[":
                continue
            deepest = deepest or depth
            place, counts[depth - 1] = _row(text, place, path, values)
            if depth != deepest:
                raise _fault(path, place, "a number stands where others have a list")
        if text[place : place + 1] != b"]":
            raise _fault(path, place, "a list's closing bracket must stand here")
        depth -= 1
        if shape[depth] not in (-1, counts[depth]):
            raise _fault(path, place, f"a list of {counts[depth]} ends where others have {shape[depth]}")
        shape[depth] = counts[depth]
        place = place + 1
        if depth == 0:
            return (np.frombuffer(values) if values else np.empty(0)).reshape(shape[:deepest]), place
        counts[depth - 1] += 1
        place = _after_space(text, place)
        if text[place : place + 1] == b",":
            place = _after_space(text, place + 1)
            if text[place : place + 1] != b"[":
                raise _fault(path, place, "a list must stand here")


def _row(text: Text, start: int, path: Path, values: "array[float]") -> tuple[int, int]:
    """Read the numbers of an innermost list; the place of its closing bracket, and how many they are."""
    end = text.find(b"]", start)
    if end < 0:
        raise _fault(path, len(text), "the file ends within a list: it is cut off")
    row = text[start:end]
    if not row.strip():
        return end, 0
    cells = row.split(b",")
    try:
        if not _ROW.fullmatch(row):
            raise ValueError
        values.fromlist(list(map(float, cells)))
    except ValueError:
        _read_slowly(cells, start, path, values)
    return end, len(cells)


def _read_slowly(cells: list[bytes], start: int, path: Path, values: "array[float]") -> None:
    for number, cell in enumerate(cells):
        word = cell.strip()
        if word not in _UNKNOWN and not _NUMBER.fullmatch(word):
            place = start + sum(map(len, cells[:number])) + number
            raise _fault(path, place, f"{word[:20].decode('latin-1')!r} is no number; null means unknown")
        values.append(np.nan if word in _UNKNOWN else float(word))
