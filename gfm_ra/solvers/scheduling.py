"""Solvers whose powers are all or nothing: full reuse, greedy scheduling, FPLinQ."""

import numpy as np

from gfm_ra.goals import Objective, SumRate
from gfm_ra.solvers import binding
from gfm_ra.solvers.inputs import as_batch, as_threads, compiled_form
from gfm_ra.solvers.threads import spread
from gfm_ra.solvers.weighted_mmse import wmmse

_HALF = 0.5
_TRIAL_WORK = 60
"""What judging one link of a trial costs, in multiply-adds."""


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
    goal = compiled_form(objective or SumRate(), count, links, "greedy")
    power = np.empty((count, links), dtype=np.float32)
    problem = binding.task(flat, goal, power)
    threads = as_threads(threads, "greedy")
    work = _TRIAL_WORK * count * links * links
    spread(lambda begin, end: binding.greedy(problem, begin, end), count, work, threads)
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
