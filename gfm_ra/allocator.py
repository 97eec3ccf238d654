"""From gains to powers: the network's answer, refined and compared with classical ones by its true utility."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from gfm_ra.doubts import doubts
from gfm_ra.energy import Kind, energy_goal
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goal_family import GOAL_OF_NUMBER, is_ours, numbers_of, utility_of
from gfm_ra.goals import Objective, SumRate, Weighted
from gfm_ra.inference import proven
from gfm_ra.inference.allocation import Allocation, missed
from gfm_ra.inference.answers import PowerNetwork, Question, compiled, composed
from gfm_ra.inference.comparison import EFFORTS, Effort
from gfm_ra.inference.given import one_network
from gfm_ra.inference.knowledge import check_known
from gfm_ra.inference.network.contract import Contract
from gfm_ra.inference.network.unrolled import CIRCUIT_POWER, UnrolledNetwork
from gfm_ra.inference.parts import together
from gfm_ra.inference.prompts import goal_of, part_of
from gfm_ra.inference.sliced import with_slices
from gfm_ra.inference.uncertain.expected import SAMPLES, expected
from gfm_ra.inference.under_rules import bounds_of, ruled
from gfm_ra.inference.whole_numbers import whole
from gfm_ra.network import Network, Orientation
from gfm_ra.notes import Remarks
from gfm_ra.rules.hard_rules import Rules
from gfm_ra.slices.slice import Slice

_PART_GAINS = 2**19
"""Gains that are worked on at a time: what bounds the memory, however many networks come."""

_MATRIX_LINKS = 64
"""Links up to which a sparse network without a far field is answered as its matrix, which is quicker there."""


class Allocator:
    """Sets every transmitter's power."""

    def __init__(
        self,
        network: PowerNetwork,
        objective: Objective | None = None,
        envelope: dict[str, tuple[float, float]] | None = None,
        name: str = "",
    ) -> None:
        """An allocator around a network.

        Args:
            network: what answers in one pass.
            objective: the one goal that it was tuned for; None if it takes any.
            envelope: smallest and largest trained value of each of the goal's numbers; empty if nobody knows.
            name: what it is called in messages.
        """
        self.network, self.objective = network, objective
        self.envelope, self.name = envelope or {}, name or "this network"

    def __repr__(self) -> str:
        """Name and goal."""
        return f"Allocator({self.name}, {self.objective.name if self.objective else 'any goal'})"

    def allocate(
        self,
        network: Network | SparseNetwork | None = None,
        *,
        gain: Any = None,  # noqa: ANN401 (whatever NumPy makes an array of)
        gain_db: Any = None,  # noqa: ANN401
        orientation: Orientation = "rows-are-receivers",
        goal: str | Objective | None = None,
        alpha: float | None = None,
        min_rate: float | None = None,
        penalty: float | None = None,
        circuit_power: float | None = None,
        amplifier_efficiency: float | None = None,
        energy_kind: Kind | None = None,
        weights: Any = None,  # noqa: ANN401
        effort: Effort = "balanced",
        seed: int = 0,
        first_index: int = 0,
        threads: int | None = None,
        certify: bool = False,
        slices: Sequence[Slice] | None = None,
        rules: Rules | None = None,
    ) -> Allocation:
        """Powers for one network or for many of the same size.

        Args:
            network: gains with what is known about them, or a sparse one, `Network.from_edges`; or one of `gain` and
                `gain_db`.
            gain: [K, K] or [..., K, K], row = receiver, column = transmitter, linear, in units of noise at full power;
                NaN = unknown.
            gain_db: the same in dB.
            orientation: what a row of `gain` or `gain_db` stands for.
            goal: "sum-rate" (unless given), "proportional-fair", "alpha-fair", "qos", "energy-efficiency", one of
                another package, or a goal object.
            alpha: fairness of "alpha-fair".
            min_rate, penalty: least rate of "qos" in bit/s/Hz, and what a missing bit/s/Hz costs.
            circuit_power, amplifier_efficiency, energy_kind: of "energy-efficiency", as of `EnergyEfficiency`; the
                first one must be given.
            weights: priorities of the links, [K] or [..., K]; only their ratios matter.
            effort: "fast" is one pass (up to 24 links the better of two), ended by WMMSE iterations; "balanced" is
                never worse than one WMMSE run or full power, "best" never worse than the best of 100 WMMSE runs;
                it searches exactly up to 6 links, and ends at the optimum where the goal is fairness of alpha >= 1.
                Energy efficiency: never worse than its solver from one start or the best of 100; "fast" needs weights
                that know it, any-world-4 on.
            seed: of the noise that tells alike links apart, and of the random starts of "best".
            first_index: number of the first network where the call answers a part of more: the random starts are
                keyed by it.
            threads: as many as the work is worth unless given.
            certify: answer `gap` too, how far the utility is from a proven upper bound; exact up to 6 links, where it
                may take some 0.1 s a network and end in better powers, and for fairness of alpha >= 1.
            slices: groups of links with least rates, shares and goals of their own; `goal` is of the links in none,
                the answer's `slices` says what each gets.
            rules: what powers must obey, whatever their source; `price` says what it costs.

        Raises:
            ValueError: gains, goal, numbers, weights, effort, orientation, seed, first_index, threads or slices that
                do not fit, unknown gains or a foreign goal to certify, or rules that contradict something; one line
                says what.
        """
        network = one_network(network, gain, gain_db, orientation)
        if effort not in EFFORTS:
            raise ValueError(f"allocate: effort must be one of {', '.join(EFFORTS)}, got {effort!r}")
        bounds = bounds_of(rules, network, certify)
        if isinstance(network, SparseNetwork) and network.far is None and network.links <= _MATRIX_LINKS:
            network = Network(network.dense_gain(), transmit_power_w=network.transmit_power_w)
        shape = (*network.shape, network.links)
        chosen = goal_of(
            (self.objective or SumRate.name) if goal is None else goal,
            weights,
            shape,
            alpha=alpha,
            min_rate=min_rate,
            penalty=penalty,
            circuit_power=circuit_power,
            amplifier_efficiency=amplifier_efficiency,
            energy_kind=energy_kind,
        )
        if slices is not None:
            if rules is not None:
                raise ValueError("allocate: slices under rules are not answered: leave one of them out")
            return with_slices(
                self.allocate, network, slices, chosen, goal is not None, effort, certify,
                lambda: self.remarks(chosen, effort).lines(single=not network.shape),
                seed=seed, first_index=first_index, threads=threads,
            )  # fmt: skip
        if isinstance(network, SparseNetwork):
            from gfm_ra.inference.sparse.answers import allocation  # only where it is needed

            self.check(chosen, effort)
            beyond = self._beyond(chosen)
            return allocation(
                self.network, network, chosen, effort, beyond, seed, first_index, threads, certify
            )
        if network.limits is not None:
            from gfm_ra.inference.bands.answers import allocation as banded  # only where it is needed

            self.check(chosen, effort)
            answer = banded(self, network, chosen, effort, seed, first_index, threads, certify)
            return ruled(answer, bounds, self.network, effort, seed)
        flat = network.flattened()
        step = max(1, _PART_GAINS // network.links**2)
        rows = (flat[begin : begin + step] for begin in range(0, max(len(flat), 1), step))
        remarks = self.remarks(chosen, effort)
        if certify:
            proven.check_certifiable(network.survey.unknown, chosen, network.is_uncertain)
        parts = list(self.parts(rows, chosen, effort, remarks, seed, first_index, threads, certify))
        notes = (*doubts(network), *remarks.lines(single=not network.shape))
        return ruled(together(parts, network, notes, chosen), bounds, self.network, effort, seed)

    def remarks(self, goal: Objective, effort: Effort) -> Remarks:
        """Where `parts` collects what is to be said about its answers."""
        return Remarks(goal, effort, self._beyond(goal))

    def parts(
        self,
        networks: Iterable[Network],
        goal: Objective,
        effort: Effort,
        remarks: Remarks,
        seed: int = 0,
        first_index: int = 0,
        threads: int | None = None,
        certify: bool = False,
    ) -> Iterator[Allocation]:
        """Answers to rows of networks [B, K, K] one after the other: what `allocate` does with each part of a batch.

        Weights that differ from network to network count from `first_index`.
        Raises ValueError as `allocate`.
        """
        self.check(goal, effort)
        seed, first_index = whole("seed", seed, 0), whole("first_index", first_index, 0)
        threads = None if threads is None else whole("threads", threads, 1)
        begin = 0
        for network in networks:
            aim = part_of(goal, begin, begin + len(network))
            answer = self._answer(network, aim, effort, seed, first_index + begin, remarks, threads)
            yield proven.certified(answer, network, aim, threads) if certify else answer
            begin += len(network)

    def check(self, goal: Objective, effort: Effort, unknown: bool = False, uncertain: bool = False) -> None:
        """Refuse what this allocator has no answer to; unknown, uncertain: whether some gain is.

        Raises ValueError; one line says what.
        """
        if self.objective is not None and goal != self.objective:
            raise ValueError(
                f"allocate: {self.name} was tuned for {self.objective.name} alone: leave the goal out or load a model "
                "for any goal"
            )
        check_known(self.network, self.name, goal, effort, unknown, uncertain)

    def _answer(
        self,
        network: Network,
        goal: Objective,
        effort: Effort,
        seed: int,
        first_index: int,
        remarks: Remarks,
        threads: int | None,
    ) -> Allocation:
        """Answers for [B, K, K] networks, known and unknown gains mixed."""
        gain = network.gain
        if network.survey.unknown:
            unknown = np.asarray(np.isnan(gain).any((-2, -1)))  # [B]
        else:
            unknown = np.zeros(len(gain), dtype=bool)
        self.check(goal, effort, network.survey.unknown > 0, network.is_uncertain)
        beyond = bool(remarks.beyond)
        if network.is_uncertain:
            return self._expected(network, gain, goal, effort, seed, first_index, remarks, threads)
        asked = Question(network, gain, unknown, goal, effort, beyond, seed, first_index, threads)
        if isinstance(self.network, UnrolledNetwork) and is_ours(goal):
            found = compiled(self.network, asked)
        else:
            found = composed(self.network, asked)
        if effort == "best" and proven.knows(goal) and not unknown.all():
            found = proven.sharpened(found, gain, np.flatnonzero(~unknown), goal, threads)
        rate = found.rate
        if network.survey.unknown:
            rate[unknown] = np.nan
        source = found.source
        if beyond:
            source = _extrapolated(source)
        remarks.add(network, first_index, unknown, found.refused)
        utility = utility_of(goal, rate, found.power.astype(np.float64))
        below = missed(rate, goal)
        return Allocation(found.power, rate, utility, source, below, network=network, goal=goal)

    def _expected(
        self,
        network: Network,
        gain: np.ndarray,
        goal: Objective,
        effort: Effort,
        seed: int,
        first_index: int,
        remarks: Remarks,
        threads: int | None,
    ) -> Allocation:
        """Answers for [B, K, K] networks whose gains are uncertain, or limited where they are unknown."""
        assert isinstance(self.network, UnrolledNetwork), "nobody else knows uncertainty"
        told = Contract(network.uncertainty_db, network.at_most_db)
        # Beyond what was trained, the network is not trusted alone.
        least: Effort = "balanced" if remarks.beyond and effort == "fast" else effort
        found = expected(self.network, gain, told, goal, least, seed, first_index, threads)
        nobody = np.zeros(len(gain), dtype=bool)
        remarks.add(network, first_index, nobody, found.refused)
        remarks.expects(SAMPLES[least])
        source = _extrapolated(found.source) if remarks.beyond else found.source
        below = missed(found.rate, goal)
        return Allocation(found.power, found.rate, found.utility, source, below, network=network, goal=goal)

    def _beyond(self, goal: Objective) -> list[str]:
        """Numbers of the goal that lie outside what the network was trained for, in words."""
        energy = energy_goal(goal)
        if energy is not None:
            low, high = self.envelope.get(CIRCUIT_POWER, (-np.inf, np.inf))
            radiated = energy.amplifier_efficiency * energy.circuit_power
            inside = low <= radiated <= high
            return (
                [] if inside else [f"circuit power {radiated:g} when radiated (trained: {low:g} to {high:g})"]
            )
        numbers = numbers_of(goal)
        if numbers is None:
            return []
        plain = goal.objective if isinstance(goal, Weighted) else goal
        found = []
        for name, value in zip(GOAL_OF_NUMBER, numbers, strict=True):
            low, high = self.envelope.get(name, (-np.inf, np.inf))
            if hasattr(plain, name) and not low <= value <= high:
                found.append(f"{name} = {value:g} (trained: {low:g} to {high:g})")
        return found


def _extrapolated(source: np.ndarray) -> np.ndarray:
    return np.array([f"{name}, extrapolated" for name in source], dtype=object)
