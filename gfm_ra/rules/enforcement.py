"""The repair step: powers from any source become powers that obey every limit and rule."""

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.rules.bounds import PowerBounds
from gfm_ra.rules.hard_rules import Rules
from gfm_ra.rules.least_powers import least_powers
from gfm_ra.rules.ownership import owned
from gfm_ra.rules.preparation import bound
from gfm_ra.rules.reductions import reduced
from gfm_ra.rules.violations import HOLDS, violation

_PART = 2**17
"""Powers that are worked on at a time: what bounds the memory."""


def enforced(power: np.ndarray, limits: PowerLimits | None, rules: Rules | None) -> np.ndarray:
    """Powers [..., F, K], F = 1 where there are no bands, that obey limits and rules to 1e-6 of each bound.

    Whatever is given is repaired: NaN and negative powers count as 0, infinite ones as the largest that may be. Powers
    are scaled towards least powers under a budget, and reduced under a cap, those most that contribute most; of links
    that share orthogonally the strongest keeps a band. Powers that obey keep their bits; float32 and float64 are
    kept, others become float64.

    Raises ValueError for powers of another shape or kind, and for rules that do not fit or that contradict each other
    or the limits.
    """
    given = np.asarray(power)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"rules: powers must be real numbers, got {given.dtype}")
    if given.dtype not in (np.float32, np.float64):
        given = given.astype(np.float64)
    if given.ndim < 2 or 0 in given.shape[-2:]:
        raise ValueError(f"rules: powers must be [..., F, K], F = 1 without bands, got {list(given.shape)}")
    if limits is not None and limits.per_band.shape != given.shape:
        raise ValueError(
            f"rules: powers must be {list(limits.per_band.shape)} as the limits, got {list(given.shape)}"
        )
    bounds = bound(limits, rules, given.shape)
    rows = given.reshape(len(bounds), *given.shape[-2:])
    return enforced_rows(rows, bounds).reshape(given.shape)


def enforced_rows(power: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """As `enforced`, of powers [B, F, K] of float32 or float64 under bounds that were made before."""
    found = np.array(power)
    step = max(1, _PART // max(1, power[0].size)) if len(power) else 1
    for begin in range(0, len(power), step):
        rows = slice(begin, begin + step)
        part = bounds.rows(rows) if len(power) > step else bounds
        broken = np.flatnonzero(violation(power[rows], part) > HOLDS)
        if broken.size:
            repairs = repaired(power[rows][broken], part.rows(broken))
            found[begin + broken] = rounded_down(repairs, power.dtype)
    return found


def repaired(power: np.ndarray, bounds: PowerBounds, nearest: bool = False) -> np.ndarray:
    """Powers float64 [B, F, K] that obey the bounds, made of any [B, F, K]; nearest: as of `reduced`."""
    sound = np.nan_to_num(power.astype(np.float64), nan=0.0, posinf=np.inf, neginf=0.0)
    wanted = np.minimum(np.maximum(sound, 0.0), bounds.high)
    opened = owned(wanted, bounds) if len(bounds.sharing) else bounds.open
    high = np.where(opened, bounds.high, 0.0)
    wanted = np.minimum(wanted, high)
    base, good = least_powers(wanted, high, bounds)
    for attempt in range(2):
        rows = np.flatnonzero(~good)
        if not rows.size:
            break
        if attempt:  # as found when the bounds were made
            high[rows] = np.where(bounds.open[rows], bounds.high[rows], 0.0)
            base[rows] = bounds.least[rows]
        else:
            base[rows], good[rows] = least_powers(np.zeros_like(wanted[rows]), high[rows], bounds.rows(rows))
    raised = np.minimum(np.maximum(wanted, base), np.maximum(high, base))
    return reduced(raised, base, bounds, nearest)


def rounded_down(power: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Powers in a floating type, none above what it was."""
    found = power.astype(kind)
    return np.where(found.astype(np.float64) > power, np.nextafter(found, kind.type(0)), found)
