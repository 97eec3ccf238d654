"""NumPy's files: .npy, and .npz, a zip archive of them; headers are not evaluated, nothing is unpickled."""

import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import Source, Stored, check_numbers, check_size, shown
from gfm_ra.files.paths import foreign, opened

MAGIC = b"\x93NUMPY"
_MOST_HEADER_BYTES = 10_000
_PAIR = (
    r"""\s*['"](?:descr['"]\s*:\s*['"](?P<descr{0}>[<>|=]?[bcfimuMOSUV][0-9]*(?:\[\w+\])?)['"]"""
    r"""|fortran_order['"]\s*:\s*(?P<order{0}>True|False)"""
    r"""|shape['"]\s*:\s*\((?P<shape{0}>[0-9L,\s]*)\))\s*"""
)
_HEADER = re.compile(r"\s*\{" + ",".join(_PAIR.format(index) for index in range(3)) + r",?\s*\}\s*")
# What zipfile and the decompressors raise on damaged archives.
_ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, RuntimeError,
    NotImplementedError, LookupError, OverflowError, MemoryError,
)  # fmt: skip


def npy_source(path: Path) -> Source:
    """The array of a .npy file.

    Raises:
        InputError: it is damaged, or something else.
    """
    with opened(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise foreign(path, "a .npy file")
        file.seek(0)
        shape, fortran, dtype = _header(file, path)
        start = file.tell()
        there = file.seek(0, 2) - start
    _check_length(path, shape, dtype, there)

    def rows(step: int) -> Iterator[np.ndarray]:
        if fortran and len(shape) > 1:
            mapped = np.memmap(path, dtype, "r", start, shape, order="F")
            for first in range(0, len(mapped), step):
                yield np.array(mapped[first : first + step])
            return
        with opened(path) as file:
            file.seek(start)
            yield from _parts(file, path, shape, dtype, step)

    return Source([""], lambda _: Stored(shape, dtype, rows))


def npz_source(path: Path) -> Source:
    """The arrays of a .npz archive.

    Raises:
        InputError: it is damaged, or something else.
    """
    with opened(path) as file:
        if file.read(2) != b"PK":
            raise foreign(path, "a .npz archive")
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.namelist()
        except _ZIP_ERRORS as error:
            raise _damaged(path, error) from None
    names = [member.removesuffix(".npy") for member in members if member.endswith(".npy")]
    if not names:
        raise InputError(f"{path} holds no arrays but {', '.join(members[:5]) or 'nothing'}: unpack it first")
    if len(set(names)) < len(names):
        raise InputError(f"{path} holds several arrays of one name: save it again")
    return Source(names, lambda name: _member(path, name))


def _member(path: Path, name: str) -> Stored:
    where = f"array {shown(name)}"
    try:
        with opened(path) as file, zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as stream:
            shape, fortran, dtype = _header(stream, path, where)
            start = stream.tell()
            there = archive.getinfo(f"{name}.npy").file_size - start
            packed = file.seek(0, 2)
    except _ZIP_ERRORS as error:
        raise _damaged(path, error) from None
    _check_length(path, shape, dtype, there)
    check_size(path, shape, dtype.itemsize, packed)

    def rows(step: int) -> Iterator[np.ndarray]:
        order = shape[::-1] if fortran and len(shape) > 1 else shape
        try:
            with (
                opened(path) as file,
                zipfile.ZipFile(file) as archive,
                archive.open(f"{name}.npy") as stream,
            ):
                stream.read(start)
                if order is shape:
                    yield from _parts(stream, path, shape, dtype, step)
                else:  # stored by columns: there are no rows before the last column is read
                    whole = next(_parts(stream, path, order, dtype, max(order))).T
                    for first in range(0, len(whole), step):
                        yield whole[first : first + step]
                stream.read(1)  # the end: here the checksum is compared
        except _ZIP_ERRORS as error:
            raise _damaged(path, error) from None

    return Stored(shape, dtype, rows)


def _damaged(path: Path, error: BaseException) -> InputError:
    return InputError(
        f"{path} is a damaged archive ({str(error)[:100] or type(error).__name__}): copy or write it again"
    )


def _header(
    stream: IO[bytes], path: Path, where: str = "its array"
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether columns come first, and type; the stream then stands at the numbers."""
    start = stream.read(10)
    wide = start[6:7] in (b"\2", b"\3")
    start += stream.read(2) if wide else b""
    length = int.from_bytes(start[8:], "little")
    if start[:6] != MAGIC or len(start) < 10 + 2 * wide or not 0 < length <= _MOST_HEADER_BYTES:
        raise InputError(f"{path}: the header of {where} is damaged: copy or write it again")
    text = stream.read(length).decode("latin-1")
    found = _HEADER.fullmatch(text)
    fields = (
        {name[:5]: value for name, value in found.groupdict().items() if value is not None} if found else {}
    )
    if set(fields) != {"descr", "order", "shape"}:
        if re.search(r"descr['\"]\s*:\s*\[", text):
            raise InputError(f"{path}: {where} holds structured records: write plain numbers")
        raise InputError(f"{path}: the header of {where} is damaged: copy or write it again")
    try:
        dtype = np.dtype(fields["descr"])
        words = [word.strip().rstrip("L") for word in fields["shape"].split(",")]
        shape = tuple(int(word) for word in words if word)
    except (TypeError, ValueError, MemoryError):
        raise InputError(f"{path}: the header of {where} is damaged: copy or write it again") from None
    check_numbers(path, dtype)
    return shape, fields["order"] == "True", dtype


def _check_length(path: Path, shape: tuple[int, ...], dtype: np.dtype, there: int) -> None:
    wanted = dtype.itemsize
    for length in shape:
        wanted *= length
    if wanted > there:
        raise InputError(
            f"{path} is cut off: it holds {there} of {wanted:.12g} bytes: copy or write it again"
        )
    if wanted < there:
        raise InputError(f"{path} holds {there - wanted} bytes after its array: write one array to a file")


def _parts(
    stream: IO[bytes], path: Path, shape: tuple[int, ...], dtype: np.dtype, step: int
) -> Iterator[np.ndarray]:
    """An array stored row by row, in parts of `step` rows."""
    rows = (*shape, 1)[0]
    row = dtype.itemsize
    for length in shape[1:]:
        row *= length
    for first in range(0, rows, step):
        count = min(step, rows - first)
        content = stream.read(count * row)
        if len(content) != count * row:
            raise InputError(f"{path} ends before row {first + count} of {rows}: copy or write it again")
        yield np.frombuffer(content, dtype).reshape(count, *shape[1:])
