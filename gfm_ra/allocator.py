"""From gains to powers: the network's answer, refined and compared with classical ones by its true utility."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from gfm_ra.candidates import are_powers
from gfm_ra.doubts import doubts
from gfm_ra.goal_family import GOAL_OF_NUMBER, numbers_of
from gfm_ra.goals import Objective, QoS, SumRate, Weighted
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import DRAWS, EFFORTS, Effort, compared, refined
from gfm_ra.inference.noise import noise
from gfm_ra.inference.onnx_graph import OnnxGraph
from gfm_ra.inference.prompts import Prompt, goal_of, part_of, prompt_of, selected
from gfm_ra.inference.unrolled import UnrolledNetwork
from gfm_ra.network import Network, Orientation
from gfm_ra.notes import Remarks
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB

_PART_GAINS = 2**19
"""Gains that are worked on at a time: what bounds the memory, however many networks come."""


class PowerNetwork(Protocol):
    """What computes powers in one pass."""

    any_goal: bool
    takes_unknown: bool

    def powers(self, gain_db: np.ndarray, prompt: Prompt, threads: int | None = None) -> np.ndarray:
        """Powers float32 [B, K] of gain_db float32 [B, K, K], NaN where unknown; nobody has checked them."""
        ...


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
        network: Network | None = None,
        *,
        gain: Any = None,  # noqa: ANN401 (whatever NumPy makes an array of)
        gain_db: Any = None,  # noqa: ANN401
        orientation: Orientation = "rows-are-receivers",
        goal: str | Objective | None = None,
        alpha: float | None = None,
        min_rate: float | None = None,
        penalty: float | None = None,
        weights: Any = None,  # noqa: ANN401
        effort: Effort = "balanced",
        seed: int = 0,
        first_index: int = 0,
        threads: int | None = None,
    ) -> Allocation:
        """Powers for one network or for many of the same size.

        Args:
            network: gains with what is known about them; or one of `gain` and `gain_db`.
            gain: [K, K] or [..., K, K], row = receiver, column = transmitter, linear, in units of noise at full power;
                NaN = unknown.
            gain_db: the same in dB.
            orientation: what a row of `gain` or `gain_db` stands for.
            goal: "sum-rate" (unless given), "proportional-fair", "alpha-fair", "qos", one of another package, or a goal
                object.
            alpha: fairness of "alpha-fair".
            min_rate: least rate of "qos", bit/s/Hz.
            penalty: of "qos", per missing bit/s/Hz.
            weights: priorities of the links, [K] or [..., K]; only their ratios matter.
            effort: "fast" is one pass and compares nothing; "balanced" is never worse than one WMMSE run or full power,
                "best" never worse than the best of 100 WMMSE runs.
            seed: of the noise that tells alike links apart, and of the random starts of "best".
            first_index: number of the first network where the call answers a part of more: the random starts are
                keyed by it.
            threads: as many as the work is worth unless given.

        Raises:
            ValueError: gains, goal, numbers, weights, effort or orientation that do not fit; one line says what.
        """
        network = _one_network(network, gain, gain_db, orientation)
        if effort not in EFFORTS:
            raise ValueError(f"allocate: effort must be one of {', '.join(EFFORTS)}, got {effort!r}")
        shape = (*network.shape, network.links)
        chosen = goal_of(
            (self.objective or SumRate.name) if goal is None else goal,
            weights,
            shape,
            alpha=alpha,
            min_rate=min_rate,
            penalty=penalty,
        )
        flat = network.flattened()
        step = max(1, _PART_GAINS // network.links**2)
        rows = (flat[begin : begin + step] for begin in range(0, max(len(flat), 1), step))
        remarks = self.remarks(chosen, effort)
        parts = list(self.parts(rows, chosen, effort, remarks, seed, first_index, threads))
        notes = (*doubts(network), *remarks.lines(single=not network.shape))
        return _together(parts, network, notes)

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
    ) -> Iterator[Allocation]:
        """Answers to rows of networks [B, K, K] one after the other: what `allocate` does with each part of a batch.

        Weights that differ from network to network count from `first_index`.
        Raises ValueError as `allocate`.
        """
        self._check(goal)
        begin = 0
        for network in networks:
            aim = part_of(goal, begin, begin + len(network))
            yield self._answer(network, aim, effort, seed, first_index + begin, remarks, threads)
            begin += len(network)

    def _check(self, goal: Objective) -> None:
        if self.objective is not None and goal != self.objective:
            raise ValueError(
                f"allocate: {self.name} was tuned for {self.objective.name} alone: leave the goal out or load a model "
                "for any goal"
            )

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
        unknown = np.asarray(np.isnan(gain).any((-2, -1)))  # [B]
        if unknown.any() and not self.network.takes_unknown:
            raise ValueError(f"allocate: {self.name} needs every gain, but some are NaN (unknown)")
        answers = self._answers(network, gain, goal, unknown, effort, seed, threads)  # [B, D, K]
        power = answers[:, 0].copy()
        usable = are_powers(power)
        source = np.where(unknown, "model, unchecked", "model").astype(object)
        # Full power is the answer that needs no gains.
        power[~usable & unknown] = 1.0
        source[~usable & unknown] = "full-reuse"
        extrapolates = bool(self._beyond(goal))
        compares = ~unknown & (~usable | (effort != "fast") | extrapolates)
        checked = np.flatnonzero(compares)
        if _drawing(self.network) is not None and numbers_of(goal) is not None:
            last = ~unknown & ~compares
            if last.all():
                power = refined(power, gain, goal, threads)
            elif last.any():
                power[last] = refined(power[last], gain[last], selected(goal, last), threads)
        if checked.size:
            least: Effort = "balanced" if effort == "fast" else effort
            power[checked], source[checked] = compared(
                answers[checked],
                gain[checked],
                selected(goal, checked),
                least,
                seed,
                first_index + checked,
                threads,
            )
        exact = gain.astype(np.float64)
        rate = spectral_efficiency(power.astype(np.float64), exact)
        rate[unknown] = np.nan
        utility = np.asarray(goal.utility(rate))
        if extrapolates:
            source = np.array([f"{name}, extrapolated" for name in source], dtype=object)
        remarks.add(network, first_index, unknown, ~usable)
        return Allocation(power, rate, utility, source, _missed(rate, goal))

    def _answers(
        self,
        network: Network,
        gain: np.ndarray,
        goal: Objective,
        unknown: np.ndarray,
        effort: Effort,
        seed: int,
        threads: int | None,
    ) -> np.ndarray:
        """What the network says, [B, D, K]: several answers if it takes noise, and all gains are known."""
        prompt = prompt_of(goal, len(network), network.links)
        drawing = _drawing(self.network)
        if drawing is None:
            limited = np.clip(network.gain_db, LEAST_GAIN_DB, LARGEST_GAIN_DB).astype(np.float32)  # NaN stays
            return self.network.powers(limited, prompt, threads)[:, None]
        draws = DRAWS[effort]
        answers = drawing.draws(gain, prompt, noise(seed, draws, network.links), threads)
        if draws > 1 and unknown.any():
            # As effort fast answers them: estimates of unknown gains are the draws' mean.
            chosen = Prompt(prompt.parameters[unknown], prompt.weights[unknown])
            answers[unknown] = drawing.draws(gain[unknown], chosen, noise(seed, 1, network.links), threads)
        return answers

    def _beyond(self, goal: Objective) -> list[str]:
        """Numbers of the goal that lie outside what the network was trained for, in words."""
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


def _drawing(network: PowerNetwork) -> UnrolledNetwork | OnnxGraph | None:
    """The network, if it takes noise: an unrolled one, compiled or as a graph."""
    if isinstance(network, UnrolledNetwork):
        return network
    return network if isinstance(network, OnnxGraph) and network.takes_noise else None


def _one_network(
    network: Network | None,
    gain: Any,  # noqa: ANN401
    gain_db: Any,  # noqa: ANN401
    orientation: Orientation,
) -> Network:
    """The network that was given, or that of the gains that were given instead."""
    if network is None:
        return Network(gain, gain_db=gain_db, orientation=orientation)
    if not isinstance(network, Network):
        raise ValueError("allocate: give gains by name, gain= (linear) or gain_db=, or a gfm_ra.Network")
    if gain is not None or gain_db is not None:
        raise ValueError("allocate: give a network or gains, not both")
    if orientation != "rows-are-receivers":
        raise ValueError("allocate: say the orientation where the Network is made")
    return network


def _missed(rate: np.ndarray, goal: Objective) -> np.ndarray:
    """How many links stay below the goal's least rate, [B]."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    least = plain.min_rate if isinstance(plain, QoS) else 0.0
    # A rate that rounding puts below the least rate does not miss it; NaN misses nothing.
    return np.asarray((rate < least * (1 - 1e-5)).sum(-1))


def _together(parts: list[Allocation], network: Network, notes: tuple[str, ...]) -> Allocation:
    """The answers to the parts of a batch, in the shape of its networks."""
    shape, links = network.shape, network.links

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Allocation(
        joined("power").reshape(*shape, links),
        joined("rate").reshape(*shape, links),
        joined("utility").reshape(shape)[()],
        joined("source").astype(str).reshape(shape)[()],
        joined("below_min_rate").reshape(shape)[()],
        notes,
        network.transmit_power_w,
    )
