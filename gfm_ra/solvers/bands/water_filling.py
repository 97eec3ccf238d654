"""Iterative water-filling over bands."""

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.solvers.bands import binding
from gfm_ra.solvers.bands.inputs import as_problem
from gfm_ra.solvers.inputs import as_count, as_threads


def water_filling(
    gain: np.ndarray, limits: PowerLimits, *, iterations: int = 50, threads: int | None = None
) -> np.ndarray:
    """Iterative water-filling: in each of `iterations` rounds every link in turn takes the powers that maximise its own
    rate, given the interference at that moment and its own limits.

    The links of a group take theirs together, with one price of power: those that maximise the sum of their rates
    within the group's budget. Under orthogonal sharing each band belongs to the link with the largest product of own gain and
    limit in it.

    gain: [B, F, K, K]; limits: of leading shape [B]. Returns float32 [B, F, K]. Raises ValueError as `wmmse`.
    Source: Yu, Ginis and Cioffi, Distributed multiuser power control for digital subscriber lines, IEEE J. Sel. Areas
    Commun. 2002.
    """
    problem = as_problem(gain, limits, "bands.water_filling")
    rounds = as_count(iterations, 1, "iterations", "bands.water_filling")
    return binding.water_filling(problem, rounds, as_threads(threads, "bands.water_filling"))
