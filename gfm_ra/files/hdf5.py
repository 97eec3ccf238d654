"""HDF5: datasets at the top of a .h5 file, and MATLAB's .mat files of version 7.3, which are the same."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import Source, Stored, check_numbers, check_size, held, shown
from gfm_ra.files.extras import needed
from gfm_ra.files.paths import beginning, foreign

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MATLAB_NUMBERS = (
    "double",
    "single",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
)
# A damaged file can make the library search without end. Reading a part takes far less.
_LONGEST_SILENCE_S = 60.0
_MOST_DESCRIPTION_BYTES = 2**24


def hdf5_source(path: Path) -> Source:
    """The datasets at the top of an HDF5 file.

    Raises:
        InputError: it is damaged, something else, or h5py is missing.
    """
    start = beginning(path, 520)
    if not start.startswith(SIGNATURE) and start[512:] != SIGNATURE:
        raise foreign(path, "an HDF5 file")
    needed("h5py", path)
    with _reading(path) as process:
        content = _receive(process, _MOST_DESCRIPTION_BYTES, path)
    try:
        found = json.loads(content)
    except ValueError:
        raise _damaged(path, "no list of datasets") from None
    return Source(list(found), lambda name: _dataset(path, name, found[name]))


def _dataset(path: Path, name: str, found: dict[str, Any]) -> Stored:
    shape, dtype, matlab = tuple(found["shape"]), np.dtype(found["dtype"]), found["matlab"]
    if found["elsewhere"]:
        raise InputError(f"{path}: {shown(name)} lies in other files: write its numbers into this one")
    if matlab is not None and matlab not in _MATLAB_NUMBERS:
        raise InputError(
            f"{path}: {shown(name)} is of class {matlab[:20]}: save it as a full matrix of double"
        )
    check_numbers(path, dtype, name)
    if found["empty"] or 0 in shape or not shape:
        raise InputError(f"{path}: {shown(name)} is empty: write the gains into it first")
    check_size(path, shape, dtype.itemsize, path.stat().st_size)

    def rows(step: int) -> Iterator[np.ndarray]:
        row = dtype.itemsize * int(np.prod(shape[1:], dtype=object))
        whole = True
        with _reading(path, name, str(step)) as process:
            for start in range(0, shape[0], step):
                count = min(step, shape[0] - start)
                content = _receive(process, count * row, path)
                if len(content) < count * row:
                    whole = False  # `_reading` says why if it knows
                    break
                yield np.frombuffer(content, dtype).reshape(count, *shape[1:])
        if not whole:
            raise _damaged(path, "it ends early")

    if matlab is None:
        return Stored(shape, dtype, rows)
    return stacked(np.concatenate(list(rows(shape[0]))).T, path, name)  # MATLAB stores columns first


def stacked(values: np.ndarray, path: Path, name: str) -> Stored:
    """A MATLAB array as networks [B, K, K], whichever end its pages are at.

    Raises:
        InputError: it has as many pages as links.
    """
    if values.ndim == 3 and values.shape[0] == values.shape[1]:
        if values.shape[1] == values.shape[2] > 1:
            raise InputError(
                f"{path}: {shown(name)} is {' x '.join(map(str, values.shape))}, so nothing tells networks from links: "
                "save every network by itself, or write .npy, [networks, K, K]"
            )
        return held(np.moveaxis(values, 2, 0), "pages are networks")
    return held(values)


@contextmanager
def _reading(path: Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The process that reads; how it ended is looked at when all was taken from it."""
    script = Path(__file__).with_name("hdf5_process.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-P", str(script), str(path.absolute()), *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    try:
        yield process
        process.stdout.close()  # pyright: ignore[reportOptionalMemberAccess]
        said = process.stderr.read(200).decode(errors="replace")  # pyright: ignore[reportOptionalMemberAccess]
        if code := process.wait():
            raise _damaged(path, "HDF5's library crashed on it" if code < 0 else said)
    finally:
        process.kill()
        process.communicate()


def _receive(process: "subprocess.Popen[bytes]", count: int, path: Path) -> bytearray:
    """So many bytes of what the process says, or fewer if it ends before."""
    assert process.stdout is not None
    content = bytearray()
    while len(content) < count:
        ready, _, _ = select.select([process.stdout], [], [], _LONGEST_SILENCE_S)
        if not ready:
            raise _damaged(path, f"nothing was read for {_LONGEST_SILENCE_S:.0f} s")
        block = os.read(process.stdout.fileno(), min(count - len(content), 2**20))
        if not block:
            break
        content += block
    return content


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path} is a damaged HDF5 file ({' '.join(reason.split())[:150]}): copy or write it again"
    )
