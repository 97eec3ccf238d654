"""Candidates by effort: proposals of the network and WMMSE in turn, and classical answers beside them.

Shapes: B networks, F bands, K links.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.goal_family import numbers_of
from gfm_ra.goals import AlphaFair, Objective, QoS, Weighted
from gfm_ra.inference.bands.problem import Problem
from gfm_ra.inference.bands.proposals import Proposals
from gfm_ra.inference.comparison import ITERATIONS, STARTS, Effort
from gfm_ra.solvers import bands


class _Plan(NamedTuple):
    """How much an effort computes."""

    starts: int  # of WMMSE
    iterations: int  # of each
    draws: int  # of the network for all bands at once, under sum rate
    chains: int  # the best of the starts that go on
    rounds: int  # over the bands, WMMSE iterations after each
    last: int  # WMMSE iterations at the end


_PLANS: dict[Effort, _Plan] = {
    "fast": _Plan(starts=8, iterations=20, draws=1, chains=1, rounds=1, last=20),
    "balanced": _Plan(starts=16, iterations=ITERATIONS, draws=2, chains=2, rounds=3, last=60),
    "best": _Plan(starts=STARTS["best"], iterations=ITERATIONS, draws=4, chains=4, rounds=4, last=100),
}
_OPENING, _SHARED_OPENING, _BETWEEN = 20, 60, 10
"""WMMSE iterations from a start, from one that overlaps where links share orthogonally, and between rounds."""
_STRONG_FAIRNESS = AlphaFair(2.0)
"""What WMMSE spreads the bands by before it goes on with a goal of diminishing returns: from full power such goals
end in poorer maxima."""
REFINED, WMMSE, EQUAL = "refined", "wmmse", "equal-split"


def answered(
    problem: Problem, proposals: Proposals, effort: Effort, seed: int, first_index: int, threads: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Powers float32 [B, F, K] within the limits, and where they come from, [B].

    None is worse than the even split, balanced never worse than the best of 16 WMMSE runs, best than that of 100.
    """
    plan = _PLANS[effort]
    solve = _Solver(problem, seed, first_index, threads)
    equal = problem.repaired(np.ones(problem.shape))
    # From its own starts WMMSE is free to let links overlap at first, even where they share orthogonally.
    opening = _OPENING if (problem.limits.sharing < 0).all() else _SHARED_OPENING
    classical = solve.runs(plan.starts, max(plan.iterations, opening), problem.goal)
    fairer = _fairer(problem.goal)
    starts = [solve.runs(1, opening, fairer)] if fairer else proposals.all_at_once(plan.draws)
    opened = [classical, *(solve(start, _OPENING) for start in starts)]
    ended = [
        solve(_chain(problem, proposals, solve, start, plan), plan.last)
        for start in _leading(problem, opened, plan.chains)
    ]
    power, number = problem.best([*ended, classical, equal])
    names = [*[REFINED] * len(ended), WMMSE, EQUAL]
    return power, np.array(names, dtype=object)[number]


def _fairer(goal: Objective) -> Objective | None:
    """Stronger fairness with the goal's weights; None for sums of rates and for fairness that is as strong."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    alpha, least, penalty = numbers_of(goal) or (0.0, 0.0, 0.0)
    if alpha >= _STRONG_FAIRNESS.alpha or (
        alpha == 0 and not (isinstance(plain, QoS) and least * penalty > 0)
    ):
        return None
    return Weighted(_STRONG_FAIRNESS, goal.weights) if isinstance(goal, Weighted) else _STRONG_FAIRNESS


def _chain(
    problem: Problem, proposals: Proposals, solve: "_Solver", power: np.ndarray, plan: _Plan
) -> np.ndarray:
    """Rounds over the bands, each followed by WMMSE, which moves budgets between bands."""
    for last in range(plan.rounds)[::-1]:
        power = problem.repaired(proposals.exchanged(power))
        if last:
            power = solve(power, _BETWEEN)
    return power


def _leading(problem: Problem, candidates: list[np.ndarray], count: int) -> list[np.ndarray]:
    """The best candidates [B, F, K] of each network, the best one first."""
    left, found = list(candidates), []
    for _ in range(min(count, len(candidates))):
        best, number = problem.best(left)
        found.append(best)
        if len(left) == 1:
            break
        # What won gives its place to the last one.
        for index, candidate in enumerate(left[:-1]):
            won = (number == index)[:, None, None]
            left[index] = np.where(won, left[-1], candidate)
        left.pop()
    return found


class _Solver:
    """WMMSE of a problem; its answers are within the limits."""

    def __init__(self, problem: Problem, seed: int, first_index: int, threads: int | None) -> None:
        self._problem, self._threads = problem, threads
        self._seed, self._first_index = seed, first_index

    def __call__(self, power: np.ndarray, iterations: int) -> np.ndarray:
        """From powers [B, F, K]; never worse than these."""
        problem = self._problem
        found = problem.repaired(
            bands.wmmse(
                problem.gain, problem.limits, problem.goal, starts=0, iterations=iterations, given=power[:, None],
                threads=self._threads,
            )
        )  # fmt: skip
        return problem.best([power.astype(np.float32), found])[0]

    def runs(self, starts: int, iterations: int, goal: Objective) -> np.ndarray:
        """The best of so many runs for a goal, as `bands.wmmse` answers."""
        problem = self._problem
        return problem.repaired(
            bands.wmmse(
                problem.gain, problem.limits, goal, starts=starts, iterations=iterations, threads=self._threads,
                seed=self._seed, first_index=self._first_index,
            )
        )  # fmt: skip
