"""The one check that solvers on bands make of what they are given."""

from typing import NamedTuple

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.solvers.inputs import as_batch

_MOST = 1e30
"""Larger limits, which no sum reaches, count as this: float32 has room for it."""


class Problem(NamedTuple):
    """Networks with bands and limits as the core reads them: contiguous, float32 and int32."""

    gain: np.ndarray  # [B, F, K, K]
    total: np.ndarray  # [B, K]
    per_band: np.ndarray  # [B, F, K]
    group_total: np.ndarray  # [B, G]
    group: np.ndarray  # [K]
    sharing: np.ndarray  # [K]

    @property
    def shared(self) -> int:
        """How many numbers `sharing` has."""
        return int(self.sharing.max()) + 1

    def part(self, begin: int, end: int) -> "Problem":
        """Networks `begin` to `end`."""
        here = slice(begin, end)
        return self._replace(
            gain=self.gain[here],
            total=self.total[here],
            per_band=self.per_band[here],
            group_total=self.group_total[here],
        )


def as_problem(gain: np.ndarray, limits: PowerLimits, solver: str) -> Problem:
    """Gains [B, F, K, K] and limits of leading shape [B], or of none, in the core's form.

    float32 limits are never above the given ones. Raises ValueError for gains that are not finite and non-negative of
    that shape, and for limits that do not fit them.
    """
    shape = np.shape(gain)
    if len(shape) != 4 or 0 in shape[:2]:
        raise ValueError(
            f"{solver}: gain must be [B, F, K, K] with B, F, K >= 1, got shape {list(shape)}; "
            "of one network give gain[None]"
        )
    if not isinstance(limits, PowerLimits):
        raise ValueError(f"{solver}: limits must be a network's (Network.limits), got {limits!r}")
    flat, leading = as_batch(gain, solver)
    count, bands, links = *leading, flat.shape[-1]
    return Problem(
        flat.reshape(count, bands, links, links),
        _limit(limits.total, "total", (count, links), solver),
        _limit(limits.per_band, "per_band", (count, bands, links), solver),
        _limit(limits.group_total, "group_total", (count, limits.groups), solver),
        _numbers(limits.group, "group", links, limits.groups, solver),
        _numbers(limits.sharing, "sharing", links, links, solver),
    )


def as_given(given: np.ndarray | None, problem: Problem, solver: str) -> np.ndarray | None:
    """Given powers as contiguous float32 [B, S, F, K]. Raises ValueError for another shape, or for no numbers."""
    if given is None:
        return None
    count, bands, links = problem.per_band.shape
    powers = np.asarray(given)
    if powers.ndim != 4 or powers.shape[0] != count or powers.shape[2:] != (bands, links) or not powers.size:
        raise ValueError(
            f"{solver}: given powers must be [B, S, F, K] = [{count}, S, {bands}, {links}], "
            f"got shape {list(powers.shape)}"
        )
    if powers.dtype.kind not in "fiu" or np.isnan(powers).any():
        raise ValueError(f"{solver}: given powers must be real numbers without NaN")
    return np.ascontiguousarray(powers.clip(-1, 2).astype(np.float32))


def _limit(given: np.ndarray, name: str, shape: tuple[int, ...], solver: str) -> np.ndarray:
    try:
        exact = np.broadcast_to(np.asarray(given, dtype=np.float64), shape)
    except ValueError:
        raise ValueError(
            f"{solver}: limits.{name} of shape {list(np.shape(given))} do not fit gains that need {list(shape)}"
        ) from None
    if not (exact >= 0).all():
        raise ValueError(f"{solver}: limits.{name} must be 0 or more")
    exact = np.minimum(exact, _MOST)
    rounded = exact.astype(np.float32)
    return np.where(rounded > exact, np.nextafter(rounded, np.float32(0)), rounded)


def _numbers(given: np.ndarray, name: str, links: int, most: int, solver: str) -> np.ndarray:
    numbers = np.asarray(given)
    if numbers.shape != (links,) or numbers.min() < -1 or numbers.max() >= most:
        raise ValueError(
            f"{solver}: limits.{name} must be [{links}] numbers from -1 to {most - 1}, got shape {list(numbers.shape)}"
        )
    return np.ascontiguousarray(numbers, dtype=np.int32)
