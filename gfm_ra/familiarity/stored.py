"""References as files: what `Reference.save` wrote is read and checked.

Shapes: N numbers of links, H shares of hidden gains, S statistics, Q levels.
"""

import struct
import zlib
from io import BytesIO
from lzma import LZMAError
from pathlib import Path
from tokenize import TokenError
from typing import NoReturn
from zipfile import BadZipFile, ZipFile

import numpy as np

from gfm_ra.errors import InputError, one_line
from gfm_ra.familiarity.gaussians import Gaussians
from gfm_ra.familiarity.reference import FLOATS, FORMAT, LEVELS, Reference
from gfm_ra.familiarity.statistics import NAMES

_AGAIN = "make it again with `gfm-ra familiarity --fit`"
_BACKGROUND = "background_"
_GAUSSIANS = ("links", *FLOATS)
_WANTED = ("format", "name", "statistics", "levels", "unusualness", "held_out", *_GAUSSIANS)
# No zip file, one that breaks off or was changed, or another kind of array than NumPy reads without pickle.
_DAMAGE = (
    ArithmeticError, BadZipFile, EOFError, LookupError, LZMAError, MemoryError, OSError, RuntimeError, SyntaxError,
    TokenError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip


def read(path: str | Path) -> Reference:
    """A reference that `Reference.save` wrote.

    Raises:
        InputError: there is none, or it is damaged, or of another version.
    """
    arrays = _arrays(path)
    if missing := set(_WANTED) - set(arrays):
        raise InputError(f"{path} is no reference of networks, it holds no {min(missing)}: {_AGAIN}")
    if not _is_of_this_version(arrays):
        raise InputError(f"{path} is of another version of gfm-ra: {_AGAIN}")
    has_background = any(name.startswith(_BACKGROUND) for name in arrays)
    parts = ("", _BACKGROUND) if has_background else ("",)
    known = {*_WANTED, *(prefix + name for prefix in parts for name in _GAUSSIANS)}
    if known != set(arrays):
        _refuse(path, f"{min(known ^ set(arrays))} is missing or does not belong there")
    own, *behind = (_gaussians(arrays, prefix, path) for prefix in parts)
    name, unusualness, held_out = arrays["name"], arrays["unusualness"], arrays["held_out"]
    if name.dtype.kind != "U" or name.ndim:
        _refuse(path, "its name is no text")
    if unusualness.shape != (*own.mean.shape[:2], len(LEVELS)) or held_out.shape != own.links.shape:
        _refuse(path, "its arrays do not fit each other")
    if not _is_finite(unusualness) or (np.diff(unusualness) < 0.0).any():
        _refuse(path, "unusualness holds no rising numbers")
    if held_out.dtype.kind != "i" or (held_out < 1).any():
        _refuse(path, "held_out holds no numbers of networks")
    background = behind[0] if behind else None
    return Reference(str(name), own, background, unusualness.astype(np.float64), held_out)


def _refuse(path: str | Path, what: str) -> NoReturn:
    raise InputError(f"{path} is damaged, {what}: {_AGAIN}") from None


def _arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The file's arrays; each is parsed after its checksum has been compared."""
    try:
        with ZipFile(path) as archive:
            return {
                name.removesuffix(".npy"): np.lib.format.read_array(
                    BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
            }
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file: name a reference, trained or home, or a file"
        ) from None
    except (IsADirectoryError, PermissionError) as error:
        raise InputError(one_line(error)) from None
    except _DAMAGE as error:
        raise InputError(f"{path} is no reference of networks ({one_line(error)}): {_AGAIN}") from None


def _is_of_this_version(arrays: dict[str, np.ndarray]) -> bool:
    version, levels = arrays["format"], arrays["levels"]
    same = version.ndim == 0 and version.dtype.kind == "i" and int(version) == FORMAT
    same = same and arrays["statistics"].tolist() == list(NAMES)
    return same and _is_finite(levels) and levels.shape == LEVELS.shape and np.allclose(levels, LEVELS)


def _gaussians(arrays: dict[str, np.ndarray], prefix: str, path: str | Path) -> Gaussians:
    """The normal distributions whose arrays' names begin with the prefix."""
    links = arrays[f"{prefix}links"]
    floats = {name: arrays[prefix + name] for name in FLOATS}
    if wrong := [name for name, values in floats.items() if not _is_finite(values)]:
        _refuse(path, f"{prefix}{wrong[0]} holds what is no number")
    found = Gaussians(links, **{name: values.astype(np.float64) for name, values in floats.items()})
    table = (links.size, found.hidden.size, len(NAMES))
    fits = links.shape == table[:1] and found.hidden.shape == table[1:2] and 0 not in table
    fits = fits and found.mean.shape == found.spread.shape == table
    if not fits or found.whitening.shape != (table[0], len(NAMES), len(NAMES)):
        _refuse(path, "its arrays do not fit each other")
    if links.dtype.kind != "i" or links[0] < 1 or (np.diff(links) <= 0).any():
        _refuse(path, f"{prefix}links holds no rising numbers of links")
    hidden = found.hidden
    if hidden[0] < 0.0 or hidden[-1] > 1.0 or (np.diff(hidden) <= 0.0).any():
        _refuse(path, f"{prefix}hidden holds no rising shares from 0 to 1")
    if (found.spread <= 0.0).any():
        _refuse(path, f"{prefix}spread holds a standard deviation that is not above 0")
    return found._replace(links=links.astype(np.int64))


def _is_finite(values: np.ndarray) -> bool:
    return values.dtype.kind == "f" and bool(np.isfinite(values).all())
