"""An array as a file holds it: what it is called, its shape and type, and its numbers in parts."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gfm_ra.errors import InputError

LINEAR, DB = "linear", "db"
UNIT_OF = {"gain": LINEAR, "gain_db": DB}
# No real gains are packed more densely than this, and small files may hold anything.
MOST_BYTES_UNCHECKED, MOST_BYTES_PER_BYTE = 2**30, 5000
# Names that change what the gains mean. They are refused, since nothing here heeds them.
_UNHEEDED = ("mask", "unit")
_KINDS = {
    "O": "Python objects", "U": "text", "S": "text", "V": "structured records", "b": "true and false", "M": "dates",
    "m": "durations",
}  # fmt: skip


class Stored(NamedTuple):
    """An array in a file. Its numbers are read when they are asked for."""

    shape: tuple[int, ...]
    dtype: np.dtype
    rows: Callable[[int], Iterator[np.ndarray]]  # parts of so many rows along the first axis, [n, *shape[1:]]
    remark: str = ""  # how a file without a strict layout was understood


class Source(NamedTuple):
    """The arrays of a file, by name; formats without names call their only one ''."""

    names: Sequence[str]
    get: Callable[[str], Stored]
    others: Sequence[str] = ()  # what is there besides arrays
    rows_are_networks: bool = False  # each row is a network of K * K numbers


def shown(name: str) -> str:
    """A name for a message: in quotes, and not too long."""
    return repr(name[:40])


def held(values: np.ndarray, remark: str = "") -> Stored:
    """An array that is in memory already."""

    def rows(step: int) -> Iterator[np.ndarray]:
        for start in range(0, len(values), step):
            yield values[start : start + step]

    return Stored(values.shape, values.dtype, rows, remark)


def choose(source: Source, path: Path, wanted: Sequence[str]) -> str:
    """The one array that is called as wanted, in whatever case, or the only one there is.

    Raises:
        InputError: there is none, there are several, or one that changes the meaning of the gains.
    """
    named = [name for name in source.names if name.lower() in wanted]
    if len(named or source.names) != 1:
        there = ", ".join(map(shown, source.names[:8])) or "no arrays"
        raise InputError(f"{path} holds {there}: call one of them {' or '.join(wanted)}")
    chosen = (named or source.names)[0]
    for name in (*source.names, *source.others):
        if name != chosen and any(word in name.lower() for word in _UNHEEDED):
            raise InputError(f"{path} holds {shown(name)}, which is not heeded: leave it out")
    return chosen


def check_numbers(path: Path, dtype: np.dtype, name: str = "") -> None:
    """Refuse an array that holds anything but numbers.

    Raises:
        InputError: it holds text, objects, records, dates, or true and false.
    """
    if dtype.kind not in "fiuc":
        what = f"array {shown(name)} of {path}" if name else str(path)
        raise InputError(f"{what} holds {_KINDS.get(dtype.kind, 'something else')}, not numbers ({dtype})")


def check_size(path: Path, shape: tuple[int, ...], itemsize: int, file_bytes: int) -> None:
    """Refuse a claim of more numbers than a file of its size can hold, before memory is taken for them.

    Raises:
        InputError: it claims too much.
    """
    claimed = itemsize
    for length in shape:
        claimed *= length
    if claimed > MOST_BYTES_UNCHECKED and claimed > MOST_BYTES_PER_BYTE * file_bytes:
        raise InputError(
            f"{path} claims {claimed:.3g} bytes of numbers in {file_bytes} bytes: write it again"
        )


def float_type(dtype: np.dtype) -> np.dtype:
    """What numbers are held as: float32 for single and half precision, else float64."""
    return np.dtype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


def as_floats(values: np.ndarray, dtype: np.dtype, path: Path) -> np.ndarray:
    """The same numbers as floats of this machine.

    Raises:
        InputError: an imaginary part is not zero.
    """
    if np.iscomplexobj(values):
        if np.imag(values).any():
            raise InputError(
                f"{path} holds complex numbers: give real ones (gains are abs(h)^2 over the noise power)"
            )
        values = np.real(values)
    with np.errstate(over="ignore"):  # of long doubles; infinity is refused where gains are checked
        return np.ascontiguousarray(values, dtype)
