"""Which paths can be read and written: regular files, compared by what they are, not by how they are spelled."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from gfm_ra.errors import InputError

_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip
# How files begin that are called something else than they are.
_BEGINNINGS = (
    (b"\x93NUMPY", "a NumPy array", ".npy"), (b"PK\x03\x04", "a zip archive", ".npz"),
    (b"PK\x05\x06", "an empty zip archive", ""), (b"PAR1", "a Parquet file", ".parquet"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", ".h5"), (b"MATLAB ", "a MATLAB file", ".mat"),
    (b"\x1f\x8b", "compressed by gzip", ""), (b"BZh", "compressed by bzip2", ""), (b"\xfd7zXZ", "compressed by xz", ""),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", ""), (b"%PDF", "a PDF document", ""),
    (b"\x80\x04\x95", "a Python pickle", ""), (b"ARROW1", "an Arrow file", ""),
)  # fmt: skip


def opened(path: Path) -> BinaryIO:
    """A regular file that is not empty, open for reading.

    Raises:
        InputError: it is missing, empty, unreadable, or no regular file.
    """
    try:
        found = path.stat()
        for is_kind, kind in _KINDS:
            if is_kind(found.st_mode):
                raise InputError(f"{path} is {kind}: give a regular file")
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path} is missing: check the path") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason}): check path and permissions") from None
    if found.st_size == 0:
        file.close()
        raise InputError(f"{path} is empty: write the gains into it first")
    return file


def beginning(path: Path, count: int = 512) -> bytes:
    """A file's first bytes.

    Raises:
        InputError: `opened` says when.
    """
    with opened(path) as file:
        return file.read(count)


def foreign(path: Path, wanted: str) -> InputError:
    """The error for a file whose content does not fit its ending; it says what the content looks like."""
    start = beginning(path)
    for first, kind, ending in _BEGINNINGS:
        if start.startswith(first):
            remedy = f"call it {ending}" if ending else "unpack it or save it in another format"
            return InputError(f"{path} is not {wanted} but {kind}: {remedy}")
    kind = "other data" if b"\0" in start else "text"
    return InputError(f"{path} is not {wanted} but {kind}: save it again, or give it the ending that fits")


def check_output(path: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that `path` can be an output: its folder is there, and it is none of the inputs.

    Raises:
        InputError: `gfm_ra.files.writers.check_writable` says when.
    """
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path.absolute().parent} is no folder: make it, or write {path.name} elsewhere")
    for source in inputs:
        if os.path.exists(source) and os.path.exists(path) and os.path.samefile(source, path):
            raise InputError(f"{path} is the same file as {source}: name another file for the result")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is no regular file: name another file for the result")
