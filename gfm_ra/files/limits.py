"""Networks with bands, limits and budgets in .npz files: options of `Network` under their names, beside the gains."""

from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import LINEAR, UNIT_OF, as_floats, check_numbers, choose, float_type, shown
from gfm_ra.files.gains import MOST_LINKS
from gfm_ra.files.npy import npz_source
from gfm_ra.network import Network, Orientation

KEYS = ("bands", "limit", "band_limit", "groups", "group_limit", "exclusive")
_WHOLE = ("bands", "groups", "exclusive")


def holds_limits(path: Path) -> bool:
    """Whether a file is an .npz with bands or limits of powers.

    Raises:
        InputError: it ends in .npz and is missing, damaged or something else.
    """
    return path.suffix.lower() == ".npz" and bool(set(KEYS) & set(npz_source(path).names))


def read_limited(path: Path, unit: str | None, orientation: Orientation) -> Network:
    """The network or networks of an .npz: gain or gain_db, and any of KEYS.

    `bands` is true or 1 where gains are [F, K, K] or [B, F, K, K], false or 0 where they are [K, K] or [B, K, K].
    Raises InputError for what does not fit, in one line.
    """
    source = npz_source(path)
    name = choose(source, path, tuple(UNIT_OF))
    told = UNIT_OF.get(name.lower(), unit)
    if told is None or (unit is not None and unit != told):
        raise InputError(f"{path}: call its gains gain (linear) or gain_db, and leave out --unit and --db")
    for other in source.names:
        if other not in (name, *KEYS):
            raise InputError(f"{path} holds {shown(other)}, which is not heeded: leave it out")
    arrays = {key: _array(path, key) for key in (name, *KEYS) if key in source.names}
    gain = arrays.pop(name)
    if gain.ndim < 2 or 0 in gain.shape or gain.shape[-1] > MOST_LINKS:
        raise InputError(
            f"{path} must hold gains [K, K], [F, K, K] or [B, F, K, K], not {list(gain.shape)}: arrange them so"
        )
    options: dict[str, Any] = {key: values[()] for key, values in arrays.items()}
    options["bands"] = _flag(path, arrays.get("bands"))
    options["gain" if told == LINEAR else "gain_db"] = as_floats(gain, float_type(gain.dtype), path)
    try:
        return Network(orientation=orientation, **options)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _array(path: Path, name: str) -> np.ndarray:
    """An array, read whole."""
    if name == "bands" and (flag := _truth(path)) is not None:
        return flag
    stored = npz_source(path).get(name)
    check_numbers(path, stored.dtype, name)
    if name in _WHOLE and stored.dtype.kind not in "iu":
        raise InputError(f"{path}: {name} must be whole numbers, not {stored.dtype}: write it again")
    parts = list(stored.rows(max(1, *stored.shape)) if stored.shape else stored.rows(1))
    return np.concatenate(parts).reshape(stored.shape) if parts else np.empty(stored.shape, stored.dtype)


def _truth(path: Path) -> np.ndarray | None:
    """`bands` as a whole number where it is true or false, which readers of gains do not take; else None."""
    with np.load(path, allow_pickle=False) as arrays:
        try:
            given = arrays["bands"]
        except ValueError:  # Python objects, which are refused with everything else that is no number
            return None
    return given.astype(np.int64) if given.dtype.kind == "b" else None


def _flag(path: Path, given: np.ndarray | None) -> bool:
    if given is None:
        return False
    if given.shape != () or given not in (0, 1):
        raise InputError(f"{path}: bands must be 1 (gains are [F, K, K] or [B, F, K, K]) or 0")
    return bool(given)
