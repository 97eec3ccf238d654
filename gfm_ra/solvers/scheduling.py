"""Solvers whose powers are all or nothing: full reuse, greedy scheduling, FPLinQ."""

import numpy as np

from gfm_ra.goals import Objective, SumRate
from gfm_ra.solvers.compiled import Real, entry, inlined
from gfm_ra.solvers.inputs import as_batch, compiled_form
from gfm_ra.solvers.links import benefit_and_slope, rate_of
from gfm_ra.solvers.threads import spread
from gfm_ra.solvers.weighted_mmse import wmmse

_HALF = 0.5
_TRIAL_WORK = 60
"""What judging one link of a trial costs, in multiply-adds."""
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


def full_reuse(gain: np.ndarray) -> np.ndarray:
    """Everyone at full power: ones, float32 [..., K]. Raises ValueError for gains that are not [..., K,
    K]."""
    flat, leading = as_batch(gain, "full_reuse")
    return np.ones((*leading, flat.shape[-1]), dtype=np.float32)


def greedy(gain: np.ndarray, objective: Objective | None = None, threads: int | None = None) -> np.ndarray:
    """Greedy scheduling: links by falling direct gain, each switched on at full power if the utility
    improves.

    gain : [..., K, K]; objective : sum rate unless given; threads : as in `wmmse`. Returns 0/1 float32 [...,
    K].
    Raises ValueError for gains that are not finite and non-negative.
    """
    flat, leading = as_batch(gain, "greedy")
    count, links, _ = flat.shape
    kind, first, second, weights = compiled_form(objective or SumRate(), count, links, "greedy")
    power = np.zeros((count, links), dtype=np.float32)

    def part(begin: int, end: int) -> None:
        _schedule(flat, weights, kind, first, second, begin, end, power)

    spread(part, count, _TRIAL_WORK * count * links * links, threads)
    return power.reshape(*leading, links)


def fplinq(gain: np.ndarray, iterations: int = 100, threads: int | None = None) -> np.ndarray:
    """FPLinQ scheduling: the fractional-programming iteration from full power, its powers rounded to 0 or 1.

    On single-antenna links the continuous iteration is WMMSE with unit weights; powers above one half become
    1.
    gain : [..., K, K]. Returns 0/1 float32 [..., K]. Raises ValueError as `wmmse`.
    Source: Shen and Yu, FPLinQ: a cooperative spectrum sharing strategy for device-to-device communications,
    ISIT 2017.
    """
    return (wmmse(gain, iterations=iterations, threads=threads) > _HALF).astype(np.float32)


@entry
def _schedule(
    gain: np.ndarray,
    weights: np.ndarray,
    kind: int,
    first: Real,
    second: Real,
    begin: int,
    end: int,
    power: np.ndarray,
) -> None:
    """Schedule snapshots; interference from the active links is kept up to date, so a trial costs O(K)."""
    links = gain.shape[1]
    settled = np.empty(links, dtype=np.float32)
    trial = np.empty(links, dtype=np.float32)
    for index in range(begin, end):
        network, active = gain[index], power[index]
        row = weights[index if weights.shape[0] > 1 else 0]
        settled[:] = _ONE
        best = _utility(network, row, active, settled, kind, first, second)
        for k in np.argsort(-np.diag(network)):
            active[k] = _ONE
            for j in range(links):
                trial[j] = settled[j] + (network[j, k] if j != k else _ZERO)
            utility = _utility(network, row, active, trial, kind, first, second)
            if utility > best:
                best = utility
                settled, trial = trial, settled
            else:
                active[k] = _ZERO


@inlined
def _utility(
    gain: np.ndarray,
    weights: np.ndarray,
    power: np.ndarray,
    interference: np.ndarray,
    kind: int,
    first: Real,
    second: Real,
) -> Real:
    """Utility of 0/1 powers whose interference plus noise is known."""
    total = 0.0
    for k in range(power.size):
        rate = rate_of(gain[k, k], power[k], interference[k])
        total += weights[k] * benefit_and_slope(rate, kind, first, second)[0]
    return total
