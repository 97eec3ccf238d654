"""The one check that solvers make of what they are given."""

import numpy as np

from components.objectives import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted

LARGEST_GAIN = 1e25
"""Larger gains would overflow sums and quotients in float32; physical ones stay below 1e15."""

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
        with np.errstate(over="ignore"):
            batch = batch.astype(np.float32)
    links = batch.shape[-1]
    flat = np.ascontiguousarray(batch).reshape(-1, links, links)
    if flat.size and not (flat.min() >= 0 and flat.max() <= LARGEST_GAIN):  # NaN fails both
        raise ValueError(
            f"{solver}: gains must be finite, not negative and at most {LARGEST_GAIN:g}; "
            "they are linear and in units of noise at full power (is this gain_db?)"
        )
    return flat, batch.shape[:-2]


def compiled_form(
    objective: Objective, count: int, links: int, solver: str
) -> tuple[int, float, float, np.ndarray]:
    """Objective as the compiled kernels take it: kind, two parameters, and weights float32 [B, K] or [1, K].

    Raises ValueError for an objective without a compiled form, or weights that do not fit the gains.
    """
    weights = np.ones((1, links), dtype=np.float32)
    if isinstance(objective, Weighted):
        weights = np.ascontiguousarray(objective.weights, dtype=np.float32).reshape(
            -1, objective.weights.shape[-1]
        )
        objective = objective.objective
        if weights.shape[1] != links or weights.shape[0] not in (1, count):
            raise ValueError(
                f"{solver}: weights {weights.shape} do not fit {count} snapshots of {links} links"
            )
    match objective:
        case SumRate() | AlphaFair(alpha=0.0):
            return SUM, 0.0, 0.0, weights
        case ProportionalFair() | AlphaFair(alpha=1.0):
            return LOG, 0.0, 0.0, weights
        case QoS(min_rate, penalty):
            return QUALITY, min_rate, penalty, weights
        case AlphaFair(alpha):
            return POWER, alpha, 0.0, weights
    raise ValueError(f"{solver}: no compiled form of the objective {objective!r}")
