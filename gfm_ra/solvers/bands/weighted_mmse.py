"""Multi-channel WMMSE with limits of links and groups."""

from operator import index

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.goals import Objective, SumRate, Weighted
from gfm_ra.solvers.bands import binding
from gfm_ra.solvers.bands.inputs import Problem, as_given, as_problem
from gfm_ra.solvers.inputs import as_count, as_threads, compiled_form

_ENTRIES = 2**24
"""Powers of starts that are held at once."""


def wmmse(
    gain: np.ndarray,
    limits: PowerLimits,
    goal: Objective | None = None,
    *,
    starts: int = 1,
    iterations: int = 100,
    first_index: int = 0,
    seed: int = 0,
    given: np.ndarray | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """Weighted MMSE power control over bands: the best of all starts by the goal's utility of rates over all bands.

    The first starts are `given`, then full power, then uniform random powers that depend only on `seed`, the network's
    number (`first_index` plus its place) and the start; each is cut to its own limits, then links' and groups' sums are
    scaled to theirs. In an iteration the limits of sums count as prices of power. Under orthogonal sharing half of the
    iterations run without it; then each band goes to the link that gains the goal most. For sum rate no iteration
    lowers the utility; for other goals steps are damped and the best powers met count. Where a limit of a sum bites and
    a signal is above interference and noise, the rate's bound is the logarithmic one of SCALE, with longer steps than
    WMMSE's. 0 iterations bring the starts within the limits and no more.

    gain: [B, F, K, K]; limits: of leading shape [B]; goal: sum rate unless given; given: [B, S, F, K], feasible or not;
    starts: besides the given ones, 0 only where some are given; threads: as many as the work is worth unless given.
    Returns float32 [B, F, K]. Raises ValueError for gains, limits, powers or weights that do not fit, or for impossible
    counts.
    Sources: Shi, Razaviyayn, Luo and He, An iteratively weighted MMSE approach, IEEE Trans. Signal Process. 2011;
    Papandriopoulos and Evans, SCALE, IEEE Trans. Inf. Theory 2009.
    """
    goal = goal or SumRate()
    problem = as_problem(gain, limits, "bands.wmmse")
    powers = as_given(given, problem, "bands.wmmse")
    count, bands, links = problem.per_band.shape
    best = np.empty((count, bands, links), dtype=np.float32)
    each = (
        (as_count(starts, 0, "starts", "bands.wmmse") + (0 if powers is None else powers.shape[1]))
        * bands
        * links
    )
    together = max(1, _ENTRIES // max(each, 1))
    for begin in range(0, count, together):
        end = min(begin + together, count)
        part = None if powers is None else powers[begin:end]
        own = _part(goal, begin, end, count, links)
        found, rate = _solve(
            problem.part(begin, end), own, part, starts, iterations, index(first_index) + begin, seed, threads
        )
        chosen = _best(own, rate)
        best[begin:end] = found[np.arange(end - begin), chosen]
    return best


def every_start(
    gain: np.ndarray,
    limits: PowerLimits,
    goal: Objective | None = None,
    *,
    starts: int = 1,
    iterations: int = 100,
    first_index: int = 0,
    seed: int = 0,
    given: np.ndarray | None = None,
    threads: int | None = None,
) -> np.ndarray:
    """The powers that each start of `wmmse` comes to, float32 [B, S + starts, F, K]: the given ones first.

    Arguments and errors are those of `wmmse`.
    """
    problem = as_problem(gain, limits, "bands.every_start")
    powers = as_given(given, problem, "bands.every_start")
    return _solve(problem, goal or SumRate(), powers, starts, iterations, index(first_index), seed, threads)[
        0
    ]


def _solve(
    problem: Problem,
    goal: Objective,
    given: np.ndarray | None,
    starts: int,
    iterations: int,
    first_index: int,
    seed: int,
    threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Powers [B, N, F, K] and rates [B, N, K] of all starts."""
    count, _, links = problem.per_band.shape
    drawn = as_count(starts, 1 if given is None else 0, "starts", "bands.wmmse")
    iterations = as_count(iterations, 0, "iterations", "bands.wmmse")
    compiled = compiled_form(goal, count, links, "bands.wmmse")
    limit = as_threads(threads, "bands.wmmse")
    return binding.wmmse(problem, compiled, given, drawn, iterations, first_index, index(seed), limit)


def _part(goal: Objective, begin: int, end: int, count: int, links: int) -> Objective:
    """The goal of networks `begin` to `end`: weights of all networks are cut."""
    if not isinstance(goal, Weighted) or np.size(goal.weights) != count * links:
        return goal
    return Weighted(goal.objective, np.reshape(goal.weights, (count, links))[begin:end])


def _best(goal: Objective, rate: np.ndarray) -> np.ndarray:
    """The number of the best start of each network, [B], of rates [B, N, K]; the first of equals."""
    networks = np.arange(len(rate))
    best = np.zeros(len(rate), dtype=np.int64)
    for start in range(1, rate.shape[1]):
        better = goal.advantage(rate[:, start], rate[networks, best]) > 0
        best[better] = start
    return best
