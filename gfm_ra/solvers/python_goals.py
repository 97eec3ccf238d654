"""WMMSE for goals that are written in Python: the compiled iteration, with slopes from Python at every step."""

from typing import Any

import numpy as np

from gfm_ra.goal_family import is_ours, utility_of
from gfm_ra.goals import Objective, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers.weighted_mmse import wmmse

_DAMPING = 0.5
"""Part of a step that is taken: with whole steps, slopes that change fast make the powers swing."""


def refine(
    gain: np.ndarray,
    goal: Any,  # noqa: ANN401 (whatever has a utility)
    power: np.ndarray,
    iterations: int,
    threads: int | None = None,
) -> np.ndarray:
    """The best powers that WMMSE meets on its way from given ones, float32 [B, K].

    gain : [B, K, K]; power : [B, K]; goal : an `Objective`, or anything with `utility(rates)` and, if the iteration
    shall help, `slope(rates)`. Without slopes the powers stay as they are.
    """
    if isinstance(goal, Objective) and is_ours(goal):
        return wmmse(gain, goal, iterations=iterations, initial_power=power, threads=threads)
    if not callable(getattr(goal, "slope", None)):
        return power
    exact = gain.astype(np.float64)
    best = now = np.asarray(power, np.float32)
    rates = spectral_efficiency(now.astype(np.float64), exact)
    most = utility_of(goal, rates, now.astype(np.float64)).astype(np.float64)
    for _ in range(iterations):
        slope = np.nan_to_num(
            np.asarray(goal.slope(rates), np.float64), nan=0.0, posinf=1e30, neginf=0.0
        ).clip(0)
        slope[~slope.any(-1)] = 1.0  # nothing is wanted more: as for sum rate
        step = wmmse(gain, Weighted(SumRate(), slope), iterations=1, initial_power=now, threads=threads)
        # Amplitudes, which are what the iteration works on.
        mixed = _DAMPING * np.sqrt(step) + (1 - _DAMPING) * np.sqrt(now)
        now = np.minimum(np.square(mixed), 1.0).astype(np.float32)
        rates = spectral_efficiency(now.astype(np.float64), exact)
        utility = utility_of(goal, rates, now.astype(np.float64)).astype(np.float64)
        better = utility > most  # NaN never is
        best, most = np.where(better[:, None], now, best), np.where(better, utility, most)
    return best
