"""MATLAB's .mat files: version 5 (`save -v6`, `-v7`) read here, version 7.3 as the HDF5 that it is.

MathWorks, "MAT-File Format", chapter 1: a header of 128 bytes, then elements, each a tag (type, size) and data. Read
here and not by SciPy, whose reader some damaged files bring down together with the process.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import Source, Stored, check_size
from gfm_ra.files.hdf5 import SIGNATURE, hdf5_source, stacked
from gfm_ra.files.paths import beginning, foreign, opened

_HEADER_BYTES, _MATRIX, _COMPRESSED = 128, 14, 15
_STORED_AS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_OTHER_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 16: "function"}
_LOGICAL, _COMPLEX = 0x200, 0x800
_MOST_DIMENSIONS, _MOST_NAME_BYTES = 32, 256


class _Damaged(Exception):
    """The elements of a file make no sense."""


class _Variable(NamedTuple):
    start: int  # of the element in the file
    shape: tuple[int, ...]
    kind: str  # dtype, or the class that is none of numbers
    is_complex: bool


def mat_source(path: Path) -> Source:
    """The variables of a .mat file that are full matrices of numbers.

    Raises:
        InputError: it is damaged, something else, or of version 7.3 and h5py is missing.
    """
    start = beginning(path, 520)
    if start.startswith(SIGNATURE) or start[512:] == SIGNATURE:
        return hdf5_source(path)
    if start[126:128] not in (b"IM", b"MI"):
        raise foreign(path, "a MATLAB file of version 5 or later")
    order = "<" if start[126:128] == b"IM" else ">"
    found: dict[str, _Variable] = {}
    try:
        with opened(path) as file:
            for name, variable in _variables(file, order):
                if name in found:
                    raise _Damaged(f"{name!r} twice")
                found[name] = variable
    except (_Damaged, zlib.error) as error:
        raise _refusal(path, error) from None
    numbers = [name for name, variable in found.items() if variable.kind in _CLASSES.values()]
    for name, variable in found.items():
        if name.lower() in ("gain", "gain_db") and name not in numbers:
            raise InputError(
                f"{path}: {name} is of class {variable.kind}: save it as a full matrix of double"
            )
    others = [name for name in found if name and name not in numbers]
    return Source(numbers, lambda name: _values(path, name, found[name], order), others)


def _refusal(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is a damaged MATLAB file ({str(error)[:100]}): copy or save it again")


def _variables(file: BinaryIO, order: str) -> Iterator[tuple[str, _Variable]]:
    """Name and place of every variable; their numbers are skipped."""
    end = file.seek(0, 2)
    place = _HEADER_BYTES
    while place < end:
        file.seek(place)
        kind, size = struct.unpack(f"{order}II", _exactly(file, 8))
        if size > end - place - 8:
            raise _Damaged("it is cut off")
        if kind in (_MATRIX, _COMPRESSED):
            name, shape, what, is_complex = _description(_Element(file, place, order), order)
            yield name, _Variable(place, shape, what, is_complex)
        place += 8 + size


class _Element:
    """Reads on in the matrix at a place of the file, unpacked, behind its tag."""

    def __init__(self, file: BinaryIO, place: int, order: str) -> None:
        file.seek(place)
        kind, self._left = struct.unpack(f"{order}II", _exactly(file, 8))
        self._file = file
        self._unpack = zlib.decompressobj() if kind == _COMPRESSED else None
        if self._unpack and struct.unpack(f"{order}II", self.read(8))[0] != _MATRIX:
            raise _Damaged("no matrix inside")

    def read(self, count: int) -> bytes:
        """So many bytes."""
        content = self._unpacked(count) if self._unpack else self._file.read(count)
        if len(content) != count:
            raise _Damaged("it is cut off")
        return content

    def check_end(self) -> None:
        """Read what is left of packed data, so that their checksum is compared."""
        while self._unpack and not self._unpack.eof:
            if not self._unpacked(2**16) and not self._unpack.eof:
                raise _Damaged("it is cut off")

    def _unpacked(self, count: int) -> bytes:
        assert self._unpack is not None
        content = bytearray()
        while len(content) < count and not self._unpack.eof:
            packed = self._unpack.unconsumed_tail
            if not packed:
                packed = self._file.read(min(self._left, 2**16))
                self._left -= len(packed)
            if not packed:
                break
            content += self._unpack.decompress(packed, count - len(content))
        return bytes(content)


def _exactly(file: BinaryIO, count: int) -> bytes:
    content = file.read(count)
    if len(content) != count:
        raise _Damaged("it is cut off")
    return content


def _part(element: _Element, order: str, most: int) -> tuple[int, bytes]:
    """The next element inside a matrix: its type and its data. Four bytes or fewer lie in the tag itself."""
    tag = element.read(8)
    kind, size = struct.unpack(f"{order}II", tag)
    if kind >> 16:
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise _Damaged("a short element is too long")
        return kind, tag[4 : 4 + size]
    if size > most:
        raise _Damaged(f"an element of {size} bytes where {most} are possible")
    data = element.read(size)
    element.read(-size % 8)
    return kind, data


def _description(element: _Element, order: str) -> tuple[str, tuple[int, ...], str, bool]:
    """Name, shape, dtype or other class, and whether there is an imaginary part."""
    _, flags = _part(element, order, 8)
    _, lengths = _part(element, order, 4 * _MOST_DIMENSIONS)
    _, name = _part(element, order, _MOST_NAME_BYTES)
    if len(flags) != 8 or len(lengths) % 4:
        raise _Damaged("flags or dimensions")
    (bits,) = struct.unpack(f"{order}I", flags[:4])
    kind = _CLASSES.get(bits & 0xFF) or _OTHER_CLASSES.get(bits & 0xFF, "of another program")
    shape = struct.unpack(f"{order}{len(lengths) // 4}i", lengths)
    if min(shape, default=-1) < 0:
        raise _Damaged("dimensions")
    return name.decode("latin-1"), shape, "logical" if bits & _LOGICAL else kind, bool(bits & _COMPLEX)


def mat_arrays(path: Path) -> dict[str, np.ndarray]:
    """All full matrices of numbers in a .mat file of version 5, complex or not, as MATLAB shapes them.

    Raises:
        InputError: it is damaged, something else, or of version 7.3.
    """
    start = beginning(path, 520)
    if start.startswith(SIGNATURE) or start[512:] == SIGNATURE:
        raise InputError(
            f"{path} is a MATLAB file of version 7.3: save it with -v7 (QuaDRiGa's mat_save: '-v6')"
        )
    if start[126:128] not in (b"IM", b"MI"):
        raise foreign(path, "a MATLAB file of version 5 or later")
    order = "<" if start[126:128] == b"IM" else ">"
    try:
        with opened(path) as file:
            found = dict(_variables(file, order))
    except (_Damaged, zlib.error) as error:
        raise _refusal(path, error) from None
    return {
        name: _array(path, variable, order)
        for name, variable in found.items()
        if name and variable.kind in _CLASSES.values()
    }


def _values(path: Path, name: str, variable: _Variable, order: str) -> Stored:
    values = _array(path, variable, order)
    if np.iscomplexobj(values):
        if np.imag(values).any():
            raise InputError(f"{path}: {name} is complex: give gains, abs(h)^2 over the noise power")
        values = np.real(values)
    return stacked(values, path, name)


def _array(path: Path, variable: _Variable, order: str) -> np.ndarray:
    """The numbers of a variable."""
    check_size(path, (1, *variable.shape), 8, path.stat().st_size)
    count = int(np.prod(variable.shape, dtype=object))
    try:
        with opened(path) as file:
            element = _Element(file, variable.start, order)
            _description(element, order)
            # Whole numbers are stored in few bytes whatever the class.
            values = _numbers(element, order, count).astype(variable.kind)
            if variable.is_complex:
                values = values + 1j * _numbers(element, order, count).astype(variable.kind)
            element.check_end()
    except (_Damaged, zlib.error) as error:
        raise _refusal(path, error) from None
    return values.reshape(variable.shape, order="F")


def _numbers(element: _Element, order: str, count: int) -> np.ndarray:
    kind, data = _part(element, order, 8 * count)
    if kind not in _STORED_AS or len(data) != count * np.dtype(_STORED_AS[kind]).itemsize:
        raise _Damaged("other numbers than its dimensions say")
    return np.frombuffer(data, order + _STORED_AS[kind])
