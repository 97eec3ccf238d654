"""`.npy` in and out of a body, without files: headers repeat from request to request, so what they say is kept."""

import io
from functools import lru_cache
from tokenize import TokenError
from typing import Any

import numpy as np

from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats.body import MOST_DIMENSIONS

# NumPy reads the header as Python text, which may fail in any of these ways.
_NOT_NPY = (
    ValueError, EOFError, SyntaxError, TypeError, ArithmeticError, MemoryError, RecursionError, TokenError,
)  # fmt: skip
_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 4096


def read_npy(body: bytes) -> np.ndarray:
    """The array of a .npy file; it shares the body's memory and cannot be written to.

    Raises:
        HTTPError: 400, it is none, holds no plain numbers, or fewer of them than its header says.
    """
    shape, fortran, dtype, start = _header(body[: _header_length(body)])
    count = 1
    for length in shape:
        count *= length
    if count * dtype.itemsize != len(body) - start:
        raise _refused(
            f"its header says {count} numbers of {dtype.itemsize} bytes, {len(body) - start} bytes follow"
        )
    flat = np.frombuffer(body, dtype, count, start)
    return flat.reshape(shape, order="F") if fortran else flat.reshape(shape)


def write_npy(values: np.ndarray) -> bytes:
    """A .npy file of an array in C order."""
    return _written_header(values.dtype.str, values.shape) + np.ascontiguousarray(values).tobytes()


def _header_length(body: bytes) -> int:
    if not body.startswith(_MAGIC) or len(body) < 12:
        raise _refused("it does not begin like one")
    major = body[6]
    length = (
        10 + int.from_bytes(body[8:10], "little") if major == 1 else 12 + int.from_bytes(body[8:12], "little")
    )
    if length > min(len(body), _LONGEST_HEADER):
        raise _refused("its header is cut off")
    return length


@lru_cache(maxsize=512)
def _header(text: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    stream = io.BytesIO(text)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(stream)
    except _NOT_NPY as error:
        raise _refused(" ".join(str(error).split())[:100]) from None
    if dtype.kind not in "fiu":
        raise _refused(f"it holds {dtype}, no plain real numbers")
    if len(shape) > MOST_DIMENSIONS or any(not 0 <= length < 2**31 for length in shape):
        raise _refused(f"its shape is {str(shape)[:60]}")
    return shape, fortran, dtype, stream.tell()


@lru_cache(maxsize=512)
def _written_header(dtype: str, shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def _refused(why: str) -> HTTPError:
    return HTTPError(400, f"the body is no .npy file ({why})")
