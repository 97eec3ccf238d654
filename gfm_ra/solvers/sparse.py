"""Classical power allocation on sparse networks: the solvers of the same names, at a cost that grows with the gains.

Powers are float32 [K] in [0, 1]; networks are `gfm_ra.Network.from_edges`.
"""

from collections.abc import Callable, Iterable
from operator import index
from typing import NamedTuple

import numpy as np

from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goals import Objective, SumRate
from gfm_ra.solvers.inputs import as_count, as_powers, as_threads, as_tolerance, compiled_form
from gfm_ra.solvers.sparse_binding import Solver
from gfm_ra.solvers.threads import spread

GROUP = 16
"""Starts that are solved side by side, whatever the processor."""
_HALF = 0.5


class Answer(NamedTuple):
    """Powers and what they lead to."""

    power: np.ndarray  # float32 [K]
    rate: np.ndarray  # float64 [K], bit/s/Hz
    number: int  # of the candidate that it was


def wmmse(
    network: SparseNetwork,
    objective: Objective | None = None,
    starts: int = 1,
    iterations: int = 100,
    seed: int = 0,
    tolerance: float | None = None,
    initial_power: np.ndarray | None = None,
    first_index: int = 0,
    threads: int | None = None,
) -> np.ndarray:
    """Weighted MMSE power control as `gfm_ra.solvers.wmmse` does it, from the same starts.

    The far field counts in every iteration: as interference at the mean power of each cell, and as what a
    cell's transmitters are charged for it. Of several starts the one with the best utility wins, its rates in
    float64. threads : at most one per 16 starts; as many as the work is worth unless given.

    Returns float32 [K] in [0, 1]. Raises ValueError as `gfm_ra.solvers.wmmse`.
    """
    objective = objective or SumRate()
    starts = as_count(starts, 1, "starts", "wmmse")
    iterations = as_count(iterations, 0, "iterations", "wmmse")
    goal = compiled_form(objective, 1, network.links, "wmmse")
    given = as_powers(initial_power, 1, network.links, "wmmse")
    limit, threads = as_tolerance(tolerance, "wmmse"), as_threads(threads, "wmmse")
    solver = Solver(network)

    def solve(begin: int, end: int) -> np.ndarray:
        return solver.starts(goal, begin, end, iterations, index(first_index), index(seed), limit, given)

    if starts == 1:
        return solve(0, 1)[0]
    return best_start(solver, objective, solve, starts, iterations, threads).power


def best_start(
    solver: Solver,
    objective: Objective,
    solve: Callable[[int, int], np.ndarray],
    starts: int,
    iterations: int,
    threads: int | None,
) -> Answer:
    """The best of the powers that `solve(begin, end)` makes of starts, [end - begin, K]."""
    groups = -(-starts // GROUP)
    found: list[Answer | None] = [None] * groups

    def run(begin: int, end: int) -> None:
        for group in range(begin, end):
            first = group * GROUP
            powers = solve(first, min(first + GROUP, starts))
            best = best_of(solver, powers, objective)
            found[group] = best._replace(number=first + best.number)

    spread(run, groups, work_of(solver.network, starts * iterations), threads)
    return _best(objective, (answer for answer in found if answer is not None))


def best_of(solver: Solver, powers: Iterable[np.ndarray], objective: Objective) -> Answer:
    """The best of candidates [K] by true utility, the first of equals."""
    answers = (
        Answer(np.ascontiguousarray(power), solver.rates(power), number)
        for number, power in enumerate(powers)
    )
    return _best(objective, answers)


def _best(objective: Objective, answers: Iterable[Answer]) -> Answer:
    best: Answer | None = None
    for answer in answers:
        if best is None or objective.advantage(answer.rate, best.rate) > 0:
            best = answer
    assert best is not None, "there is at least one candidate"
    return best


def work_of(network: SparseNetwork, iterations: int) -> int:
    """Multiply-adds of iterations."""
    cells = 0 if network.far is None else network.far.cells
    return 2 * iterations * (network.edges + network.links * (cells + 20))


def fplinq(network: SparseNetwork, iterations: int = 100) -> np.ndarray:
    """FPLinQ scheduling as `gfm_ra.solvers.fplinq` does it: 0/1 float32 [K]. Raises ValueError as `wmmse`."""
    return (wmmse(network, iterations=iterations) > _HALF).astype(np.float32)
