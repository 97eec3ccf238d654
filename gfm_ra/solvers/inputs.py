"""The one check that solvers make of what they are given."""

import numpy as np

from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.solvers.compiled import entry

LARGEST_GAIN = 1e24
"""Larger gains would overflow products in float32; physical ones stay below 1e15."""

SUM, LOG, QUALITY, POWER = range(4)


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
    if not _all_within(flat.reshape(-1), LARGEST_GAIN):
        raise ValueError(
            f"{solver}: gains must be finite, not negative and at most {LARGEST_GAIN:g}; "
            "they are linear and in units of noise at full power (is this gain_db?)"
        )
    return flat, batch.shape[:-2]


def as_powers(power: np.ndarray | None, count: int, links: int, solver: str) -> np.ndarray:
    """Given powers as float32 [B, K], or [0, K] when there are none.

    Raises ValueError for powers that do not fit the gains or leave [0, 1].
    """
    if power is None:
        return np.empty((0, links), dtype=np.float32)
    given = _owned(np.asarray(power, dtype=np.float32))
    if given.ndim == 0 or given.shape[-1] != links or given.size != count * links:
        raise ValueError(f"{solver}: powers {given.shape} do not fit {count} snapshots of {links} links")
    if not _all_within(given.reshape(-1), 1.0):
        raise ValueError(f"{solver}: powers must lie in [0, 1], in units of full power")
    return given.reshape(count, links)


def compiled_form(
    objective: Objective, count: int, links: int, solver: str
) -> tuple[int, np.float32, np.float32, np.ndarray]:
    """Objective as the compiled solvers take it: kind, two parameters, and weights float32 [B, K] or [1, K].

    Each snapshot's weights are scaled to a maximum of 1, which changes no solution.
    Raises ValueError for an objective without a compiled form, or weights that do not fit the gains.
    """
    weights = np.ones((1, links), dtype=np.float32)
    if isinstance(objective, Weighted):
        largest = np.max(objective.weights, axis=-1, keepdims=True)
        weights = _owned(np.asarray(objective.weights / np.where(largest > 0, largest, 1), dtype=np.float32))
        if weights.shape[-1] != links or weights.size not in (links, count * links):
            raise ValueError(
                f"{solver}: weights {weights.shape} do not fit {count} snapshots of {links} links"
            )
        weights, objective = weights.reshape(-1, links), objective.objective
    kind, first, second = _kind_of(objective, solver)
    return kind, np.float32(first), np.float32(second), weights


def _kind_of(objective: Objective, solver: str) -> tuple[int, float, float]:
    match objective:
        case SumRate() | AlphaFair(alpha=0.0):
            return SUM, 0.0, 0.0
        case ProportionalFair() | AlphaFair(alpha=1.0):
            return LOG, 0.0, 0.0
        case QoS(min_rate, penalty):
            return QUALITY, min_rate, penalty
        case AlphaFair(alpha):
            return POWER, alpha, 0.0
    raise ValueError(f"{solver}: no compiled form of the objective {objective!r}")


@entry
def _all_within(values: np.ndarray, largest: float) -> bool:
    """Whether all values lie in [0, largest]; NaN does not. One pass, where NumPy needs two and their overhead."""
    within = True
    for i in range(values.size):
        within &= (values[i] >= 0.0) & (values[i] <= largest)
    return within


def _owned(array: np.ndarray) -> np.ndarray:
    """The array, contiguous and writable: numba compiles anew for any other layout."""
    contiguous = np.ascontiguousarray(array)
    return contiguous if contiguous.flags.writeable else contiguous.copy()
