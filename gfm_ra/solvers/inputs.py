"""The one check that solvers make of what they are given."""

from functools import lru_cache
from operator import index

import numpy as np

from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted, normalised_weights
from gfm_ra.solvers import binding
from gfm_ra.solvers.binding import CompiledGoal, Kind
from gfm_ra.units import LARGEST_GAIN

LARGEST_PARAMETER = 1e38
"""Larger parameters of goals would leave float32."""

MOST = 2**31 - 1
"""Largest count that a solver takes."""


def as_batch(gain: np.ndarray, solver: str) -> tuple[np.ndarray, tuple[int, ...]]:
    """Gains as contiguous float32 [B, K, K], and the leading shape that the answer gets back.

    Raises ValueError in one line for anything but [..., K, K] finite, non-negative gains of at most
    LARGEST_GAIN.
    """
    batch = np.asarray(gain)
    if batch.ndim < 2 or batch.shape[-1] != batch.shape[-2] or batch.shape[-1] == 0:
        raise ValueError(f"{solver}: gain must be [..., K, K] with K >= 1, got shape {batch.shape}")
    if batch.dtype != np.float32:
        if batch.dtype.kind not in "fiu":
            raise ValueError(
                f"{solver}: gain must hold real numbers, got {batch.dtype}; is it a complex channel?"
            )
        with np.errstate(over="ignore"):  # what overflows is rejected below
            batch = batch.astype(np.float32)
    links = batch.shape[-1]
    flat = _owned(batch).reshape(-1, links, links)
    if not binding.all_within(flat, LARGEST_GAIN):
        raise ValueError(
            f"{solver}: gains must be finite, not negative and at most {LARGEST_GAIN:g}; "
            "they are linear and in units of noise at full power (is this gain_db?)"
        )
    return flat, batch.shape[:-2]


def as_count(value: int, least: int, what: str, solver: str) -> int:
    """A whole number from `least` to MOST.

    Raises TypeError for what is no whole number and ValueError for one out of range.
    """
    count = index(value)
    if not least <= count <= MOST:
        raise ValueError(f"{solver}: {what} must be from {least} to {MOST}, got {count}")
    return count


def as_tolerance(tolerance: float | None, solver: str) -> float:
    """The tolerance, 0 for none. Raises ValueError for one that is negative, NaN or infinite."""
    if tolerance is None:
        return 0.0
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"{solver}: tolerance must be a number from 0 on, got {tolerance!r}")
    return float(tolerance)


def as_threads(threads: int | None, solver: str) -> int | None:
    """A number of threads, or None for as many as the work is worth. Raises as `as_count`."""
    return None if threads is None else as_count(threads, 1, "threads", solver)


def as_powers(power: np.ndarray | None, count: int, links: int, solver: str) -> np.ndarray | None:
    """Given powers as float32 [B, K].

    Raises ValueError for powers that do not fit the gains or leave [0, 1].
    """
    if power is None:
        return None
    given = _owned(np.asarray(power, dtype=np.float32))
    if given.ndim == 0 or given.shape[-1] != links or given.size != count * links:
        raise ValueError(f"{solver}: powers {given.shape} do not fit {count} snapshots of {links} links")
    if not binding.all_within(given, 1.0):
        raise ValueError(f"{solver}: powers must lie in [0, 1], in units of full power")
    return given.reshape(count, links)


def compiled_form(objective: Objective, count: int, links: int, solver: str) -> CompiledGoal:
    """Objective as the compiled solvers take it.

    Each snapshot's weights are scaled to a maximum of 1, which changes no solution.
    Raises ValueError for an objective without a compiled form, or weights that do not fit the gains.
    """
    weights = _equal(links)
    if isinstance(objective, Weighted):
        weights = _owned(normalised_weights(objective.weights))
        if weights.shape[-1] != links or weights.size not in (links, count * links):
            raise ValueError(
                f"{solver}: weights {weights.shape} do not fit {count} snapshots of {links} links"
            )
        weights, objective = weights.reshape(-1, links), objective.objective
    kind, first, second = _kind_of(objective, solver)
    if max(first, second) > LARGEST_PARAMETER:
        raise ValueError(
            f"{solver}: parameters of a goal must be at most {LARGEST_PARAMETER:g}, got {objective!r}"
        )
    return CompiledGoal(kind, first, second, weights)


@lru_cache(maxsize=16)
def _equal(links: int) -> np.ndarray:
    """Weights of links that are all alike, [1, K]."""
    weights = np.ones((1, links), dtype=np.float32)
    weights.setflags(write=False)
    return weights


def _kind_of(objective: Objective, solver: str) -> tuple[Kind, float, float]:
    match objective:
        case SumRate() | AlphaFair(alpha=0.0):
            return Kind.SUM_RATE, 0.0, 0.0
        case ProportionalFair():
            return Kind.PROPORTIONAL_FAIR, 0.0, 0.0
        case AlphaFair(alpha) if abs(alpha - 1) < 2**-25:
            return Kind.PROPORTIONAL_FAIR, 0.0, 0.0  # what float32 cannot tell from 1 leaves 0 / 0
        case QoS(min_rate, penalty):
            return Kind.QOS, min_rate, penalty
        case AlphaFair(alpha):
            return Kind.ALPHA_FAIR, alpha, 0.0
    raise ValueError(f"{solver}: no compiled form of the objective {objective!r}")


def _owned(array: np.ndarray) -> np.ndarray:
    """The float32 array, contiguous and aligned as the core reads it."""
    contiguous = np.ascontiguousarray(array)
    return contiguous if contiguous.flags.aligned else contiguous.copy()
