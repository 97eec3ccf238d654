"""Powers brought within limits, whatever they are.

Shapes: B networks, F bands, K links, G groups.
"""

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits

_TINY = 1e-300
_SILENT = 2.0**-80
"""Powers below count as none, as they do for the solvers."""


def repaired(power: np.ndarray, limits: PowerLimits, worth: np.ndarray | None = None) -> np.ndarray:
    """Powers float32 [B, F, K] that obey the limits, near those given: clipped, then scaled link by link and group by
    group; what is no number becomes 0.

    worth : [B, F, K]; of links that share a band orthogonally, the one worth most keeps it. Its power unless given.
    """
    clean = np.where(np.isfinite(power) & (power >= _SILENT), power, 0.0).astype(np.float64)
    fitted = np.minimum(clean, limits.per_band)
    fitted = np.minimum(one_per_band(fitted, limits, fitted if worth is None else worth), limits.per_band)
    return _rounded_down(scaled(fitted, limits))


def scaled(power: np.ndarray, limits: PowerLimits) -> np.ndarray:
    """Powers float64 [B, F, K] >= 0 scaled down where a link or a group has more than its budget."""
    found = power * _scale(power.sum(-2), limits.total)[..., None, :]
    if not limits.groups:
        return found
    scale = _scale(limits.group_sums(found), limits.group_total)  # [B, G]
    return found * np.where(limits.group >= 0, scale[..., limits.group], 1.0)[..., None, :]


def one_per_band(power: np.ndarray, limits: PowerLimits, worth: np.ndarray) -> np.ndarray:
    """Powers [B, F, K] of which, among links that share orthogonally, only the one worth most is left in each band.

    It gets what they have there together. A link without power has no claim.
    """
    found = power
    for number in range(int(limits.sharing.max(initial=-1)) + 1):
        members = np.flatnonzero(limits.sharing == number)
        part = power[..., members]
        claim = np.where(part > 0, np.nan_to_num(worth[..., members], nan=-1.0), -np.inf)
        first = claim.argmax(-1)[..., None]  # [B, F, 1]
        kept = np.where(np.arange(members.size) == first, part.sum(-1, keepdims=True), 0.0)
        found = found.copy()
        found[..., members] = kept
    return found


def _scale(sums: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Factors of at most 1 that bring sums down to their limits."""
    return np.minimum(most / np.maximum(sums, _TINY), 1.0)


def _rounded_down(power: np.ndarray) -> np.ndarray:
    """float32 powers, none above the float64 ones."""
    found = power.astype(np.float32)
    return np.where(found > power, np.nextafter(found, np.float32(0.0)), found)
