"""Solvers whose powers are all or nothing: full reuse, greedy scheduling, FPLinQ."""

import numpy as np
from numba import njit

from components.objectives import Objective, SumRate
from components.solvers.inputs import as_batch, compiled_form
from components.solvers.kernels import benefit_of
from components.solvers.weighted_mmse import wmmse

_ON = 0.5


def full_reuse(gain: np.ndarray) -> np.ndarray:
    """Everyone at full power: ones, float32 [..., K]. Raises ValueError for gains that are not [..., K,
    K]."""
    flat, leading = as_batch(gain, "full_reuse")
    return np.ones((*leading, flat.shape[-1]), dtype=np.float32)


def greedy(gain: np.ndarray, objective: Objective | None = None) -> np.ndarray:
    """Greedy scheduling: links by falling direct gain, each switched on at full power if the utility
    improves.

    gain : [..., K, K]; objective : sum rate unless given. Returns 0/1 float32 [..., K].
    Raises ValueError for gains that are not finite and non-negative.
    """
    flat, leading = as_batch(gain, "greedy")
    count, links, _ = flat.shape
    kind, first, second, weights = compiled_form(objective or SumRate(), count, links, "greedy")
    power = np.zeros((count, links), dtype=np.float32)
    _schedule(flat, weights, kind, first, second, power)
    return power.reshape(*leading, links)


def fplinq(gain: np.ndarray, iterations: int = 100) -> np.ndarray:
    """FPLinQ scheduling: the fractional-programming iteration from full power, its powers rounded to 0 or 1.

    On single-antenna links the continuous iteration is WMMSE with unit weights; powers above one half become
    1.
    gain : [..., K, K]. Returns 0/1 float32 [..., K]. Raises ValueError as `wmmse`.
    Source: Shen and Yu, FPLinQ: a cooperative spectrum sharing strategy for device-to-device communications,
    ISIT 2017.
    """
    return (wmmse(gain, iterations=iterations) > _ON).astype(np.float32)


@njit(cache=True, nogil=True)
def _schedule(
    gain: np.ndarray, weights: np.ndarray, kind: int, first: float, second: float, power: np.ndarray
) -> None:
    """Schedule every snapshot; the interference that the active links cause is kept up to date, so a trial is
    O(K)."""
    count, links, _ = gain.shape
    interference = np.empty(links, dtype=np.float64)
    for index in range(count):
        h = gain[index]
        row = weights[index if weights.shape[0] > 1 else 0]
        interference[:] = 1.0
        best = links_utility(h, row, kind, first, second, power[index], interference)
        for k in np.argsort(-np.diag(h)):
            power[index, k] = 1.0
            for j in range(links):
                if j != k:
                    interference[j] += h[j, k]
            utility = links_utility(h, row, kind, first, second, power[index], interference)
            if utility > best:
                best = utility
                continue
            power[index, k] = 0.0
            for j in range(links):  # sum anew: subtracting would cancel
                interference[j] = 1.0
                for i in range(links):
                    if i != j:
                        interference[j] += h[j, i] * power[index, i]


@njit(cache=True, nogil=True)
def links_utility(
    h: np.ndarray,
    weights: np.ndarray,
    kind: int,
    first: float,
    second: float,
    power: np.ndarray,
    interference: np.ndarray,
) -> float:
    """Utility of powers whose interference plus noise is known, in float64."""
    total = 0.0
    for k in range(h.shape[0]):
        rate = np.log1p(h[k, k] * power[k] / interference[k]) / np.log(2.0)
        total += weights[k] * benefit_of(rate, kind, first, second)
    return total
