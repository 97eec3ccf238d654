"""Answers to a sparse network: what gfm_ra/inference/efforts.py does for a matrix.

The cost grows with the number of listed gains and of cells of the far field.
"""

from collections.abc import Callable

import numpy as np

from gfm_ra.candidates import are_powers
from gfm_ra.doubts import doubts
from gfm_ra.gains.far_field import FarField
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goal_family import is_ours, numbers_of
from gfm_ra.goals import Objective, QoS, Weighted
from gfm_ra.inference.allocation import Allocation, missed
from gfm_ra.inference.comparison import ITERATIONS, REFINEMENT_ITERATIONS, STARTS, Effort, draws_of
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import prompt_of
from gfm_ra.inference.sparse.passes import SparsePass
from gfm_ra.inference.whole_numbers import whole
from gfm_ra.solvers.inputs import compiled_form
from gfm_ra.solvers.proofs.certificate import scale_of
from gfm_ra.solvers.sparse import GROUP, Answer, best_of, work_of
from gfm_ra.solvers.sparse_binding import Solver
from gfm_ra.solvers.sparse_bounds import upper
from gfm_ra.solvers.threads import spread


def allocation(
    model: object,
    network: SparseNetwork,
    goal: Objective,
    effort: Effort,
    beyond: list[str],
    seed: int = 0,
    first_index: int = 0,
    threads: int | None = None,
    certify: bool = False,
) -> Allocation:
    """The answer to one sparse network, with what its reader should know.

    beyond : numbers of the goal outside those that the model was trained on, in words; then fast compares too.
    certify : whether to say how far the utility is from an upper bound, in the unit of `scale_of`.
    Raises ValueError for a model or a goal that sparse networks are not answered with, or weights that do not fit.
    """
    if not isinstance(model, UnrolledNetwork):
        raise ValueError("allocate: sparse networks need weights in the packaged format: load another model")
    if not is_ours(goal) or numbers_of(goal) is None:
        raise ValueError(
            "allocate: sparse networks are answered for sum-rate, proportional-fair, alpha-fair and qos, with or "
            "without weights"
        )
    seed, first_index = whole("seed", seed, 0), whole("first_index", first_index, 0)
    threads = None if threads is None else whole("threads", threads, 1)
    asked = _Question(model, network, goal, effort, bool(beyond), seed, first_index)
    found = asked.answer(threads)
    source = f"{asked.source(found)}, extrapolated" if beyond else asked.source(found)
    utility = np.asarray(goal.utility(found.rate)).sum()
    below = missed(found.rate[None], goal)[0]
    notes = (*doubts(network), *_notes(network, goal, found, beyond), *asked.remarks)
    gap = None
    if certify:
        distance = np.maximum(upper(network, goal, threads=threads) - utility, 0.0)
        gap = (distance / scale_of(goal, utility, network.links)).reshape(-1)[0]
    return Allocation(
        found.power,
        found.rate,
        utility,
        np.array(source)[()],
        below,
        notes,
        network.transmit_power_w,
        goal=goal,
        gap=gap,
    )


class _Question:
    """Candidates for one network, and which of them wins."""

    def __init__(
        self,
        model: UnrolledNetwork,
        network: SparseNetwork,
        goal: Objective,
        effort: Effort,
        extrapolates: bool,
        seed: int,
        first_index: int,
    ) -> None:
        self._network, self._goal = network, goal
        self._effort: Effort = effort
        self._seed, self._first_index = seed, first_index
        self._form = compiled_form(goal, 1, network.links, "allocate")
        self._solver, self._pass = Solver(network), SparsePass(model, network)
        self._prompt = prompt_of(goal, 1, network.links, model.told)
        self._draws = draws_of(effort, network.links)
        self._sound = np.ones(self._draws, dtype=bool)
        self._compares = effort != "fast" or extrapolates
        self._full = 0  # number of the candidate that is full power
        self.remarks: tuple[str, ...] = ()

    def answer(self, threads: int | None) -> Answer:
        """The best candidate."""
        drawn = self._all([self._drawn(draw) for draw in range(self._draws)], threads)
        self._sound = np.array([are_powers(power) for power in drawn])
        if not self._sound[0]:
            self._compares = True
            self.remarks = ("the network's own answer was out of limits: it was not used",)
        if not self._compares:
            # The best draw is almost always the best one after refinement too.
            sound = [power for power, right in zip(drawn, self._sound, strict=True) if right]
            given = best_of(self._solver, sound, self._goal).power
            return best_of(self._solver, [self._refined(given)()], self._goal)
        full = np.ones(self._network.links, dtype=np.float32)
        # Full power stands in for what is no answer.
        starts = [power if right else full for power, right in zip(drawn, self._sound, strict=True)]
        least: Effort = "balanced" if self._effort == "fast" else self._effort
        runs = STARTS[least]
        groups = [(first, min(first + GROUP, runs)) for first in range(0, runs, GROUP)]
        jobs = [*(self._refined(start) for start in starts), *(self._classical(*group) for group in groups)]
        self._full = len(jobs)
        return best_of(self._solver, [*self._all(jobs, threads), full], self._goal)

    def source(self, found: Answer) -> str:
        """Where the winner comes from."""
        if not self._compares:
            return "model"
        if found.number < self._draws:
            return "refined" if self._sound[found.number] else "wmmse"
        return "full-reuse" if found.number == self._full else "wmmse"

    def _drawn(self, draw: int) -> Callable[[], np.ndarray]:
        given = noise(self._seed, self._draws, self._network.links)
        return lambda: self._pass.draw(self._prompt, given, draw)

    def _refined(self, start: np.ndarray) -> Callable[[], np.ndarray]:
        return lambda: self._solver.starts(
            self._form, 0, 1, REFINEMENT_ITERATIONS, self._first_index, self._seed, given=start[None]
        )[0]

    def _classical(self, begin: int, end: int) -> Callable[[], np.ndarray]:
        def best() -> np.ndarray:
            powers = self._solver.starts(self._form, begin, end, ITERATIONS, self._first_index, self._seed)
            return best_of(self._solver, powers, self._goal).power

        return best

    def _all(self, jobs: list[Callable[[], np.ndarray]], threads: int | None) -> list[np.ndarray]:
        """What the jobs give, in their order, on as many threads as they are worth."""
        found: dict[int, np.ndarray] = {}

        def run(begin: int, end: int) -> None:
            for number in range(begin, end):
                found[number] = jobs[number]()

        spread(run, len(jobs), work_of(self._network, ITERATIONS * len(jobs)), threads)
        return [found[number] for number in range(len(jobs))]


def _notes(network: SparseNetwork, goal: Objective, found: Answer, beyond: list[str]) -> list[str]:
    lines = []
    plain = goal.objective if isinstance(goal, Weighted) else goal
    if isinstance(plain, QoS):
        hopeless = int((np.log2(1.0 + network.own.astype(np.float64)) < plain.min_rate).sum())
        if hopeless:
            lines.append(f"{hopeless} links cannot reach {plain.min_rate:g} bit/s/Hz alone at full power")
    if beyond:
        lines.append(f"extrapolated: {', '.join(beyond)}; WMMSE and full power were compared")
    if network.far is not None:
        lines.append(_bounds(network, network.far, goal, found))
    return lines


def _bounds(network: SparseNetwork, far: FarField, goal: Objective, found: Answer) -> str:
    least, most = (float(goal.utility(rates).sum()) for rates in network.rate_bounds(found.power))
    share = far.interference(found.power).sum() / np.maximum(far.gain.sum(dtype=np.float64), 1e-300)
    return (
        f"far field: {share:.0%} of its full power is on; however that is spread within its {far.cells} cells, the "
        f"utility is between {least:.6g} and {most:.6g}"
    )
