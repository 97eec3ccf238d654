"""Powers for networks with slices: prompts by weights, repair, ascent, and the choice by the true utility."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gfm_ra.goals import Objective, Weighted
from gfm_ra.slices.admission import admitted
from gfm_ra.slices.ascent import Best, climb
from gfm_ra.slices.channel import Channel
from gfm_ra.slices.goal import Sliced, share_missing
from gfm_ra.slices.repair import Requirements
from gfm_ra.solvers import wmmse
from gfm_ra.solvers.proofs.least_rates import feasible
from gfm_ra.solvers.random_starts import uniform

Ask = Callable[[Objective], np.ndarray]
"""Powers float32 [B, K] of the network for a goal of the family whose weights are [B, K]."""

_LEAST_WEIGHT, _LARGEST_WEIGHT = 1e-2, 30.0
"""Range of the weights that the network is prompted with, in units of the largest and of the mean one."""


class Plan(NamedTuple):
    """How much is computed."""

    prompts: int  # rounds of the network, each with weights from the multipliers of the one before
    iterations: int  # of the ascent, from every start
    compared: bool  # whether a WMMSE run and full power are starts too
    random: int  # further random starts


class Found(NamedTuple):
    """Powers of B networks."""

    power: np.ndarray  # float32 [B, K]
    source: np.ndarray  # object [B]
    relaxation: (
        np.ndarray
    )  # [B], by which all least rates can be multiplied and still be met; inf where none is asked


def powers(gain: np.ndarray, goal: Sliced, ask: Ask, plan: Plan, seed: int, indices: np.ndarray) -> Found:
    """Powers for networks gain [B, K, K], all known; indices : [B], which key random starts."""
    count, links, _ = gain.shape
    if count == 0:
        return Found(np.zeros((0, links), np.float32), np.zeros(0, dtype=object), np.zeros(0))
    channel, least = Channel(gain), goal.least
    targets, relaxation = _targets(channel.gain, least, goal)
    # A link whose least rate cannot be met counts as best effort would.
    weights = np.where((least > 0) & (targets == 0), np.maximum(goal.weights, 1.0), goal.weights)
    aim = Sliced(goal.slices, goal.parts, weights)
    asked, (members, shares) = np.flatnonzero(least > 0), goal.shares
    worth = bool((goal.weights[..., asked] > 0).any())
    every_share = np.broadcast_to(shares, (count, len(shares)))
    search = _Search(Requirements(channel, targets, asked, members, every_share, worth), aim, plan.iterations)
    search.prompts(ask, plan.prompts)
    if plan.compared:
        search.start(wmmse(gain, search.first_prompt, iterations=100).astype(np.float64), "wmmse")
        search.start(np.ones_like(targets), "full-reuse")
    drawn = uniform(seed, indices, np.arange(1, plan.random + 1), links).astype(np.float64)
    for start in np.swapaxes(drawn, 0, 1):
        search.start(start, "random")
    search.drop_shares()
    search.best.silence()
    return Found(search.best.power.astype(np.float32), search.source, relaxation)


class _Search:
    """Starts, what they lead to, and the best of it."""

    def __init__(self, required: Requirements, goal: Sliced, iterations: int) -> None:
        self._required, self._goal, self._iterations = required, goal, iterations
        self._starts: list[tuple[np.ndarray, str]] = []
        self.best = Best(required, goal)
        self.source = np.full(len(required.targets), "feasible", dtype=object)
        rates = required.channel.rates(np.ones_like(required.targets))
        self.first_prompt = prompt_for(goal, goal.slope(rates), rates)
        self.best.repaired(required.least_power)

    def prompts(self, ask: Ask, rounds: int) -> None:
        """Start from what the network answers, then from its answers to the weights that the ascent ended with."""
        prompt = self.first_prompt
        for number in range(rounds):
            slopes = self.start(ask(prompt).astype(np.float64), "refined")
            if number + 1 < rounds:
                prompt = prompt_for(self._goal, slopes, self._required.channel.rates(self.best.power))

    def start(self, power: np.ndarray, name: str) -> np.ndarray:
        """Start from powers [B, K]; returns the weights of the rates [B, K] at the end."""
        self._starts.append((power, name))
        taken = self.best.repaired(power)
        climbed = climb(self._required, self._goal, power, self._iterations)
        self.source[taken | self.best.consider(climbed.power)] = name
        return climbed.weights

    def drop_shares(self) -> None:
        """Start again without the shares that nothing has met: they would drive all other links to silence."""
        rates = self._required.channel.rates(self.best.power)
        missed = share_missing(rates, self._required.members, self._required.shares) > 0
        rows = np.flatnonzero(missed.any(-1))
        if not rows.size:
            return
        required, goal = self._required[rows].without(missed[rows]), self._goal.of(rows)
        for power, name in self._starts:
            found = self.best.power.copy()
            found[rows] = climb(required, goal, power[rows], self._iterations).power
            self.source[self.best.consider(found)] = name


def prompt_for(goal: Sliced, slopes: np.ndarray, rates: np.ndarray) -> Weighted:
    """A goal of the family with slopes [B, K] at rates [B, K] but for a factor, as near as prompts go.

    Its kind is that of most links; the weights make up for the difference.
    """
    plain = max(goal.parts, key=lambda part: int(part[1].sum()))[0]
    weights = slopes / np.maximum(np.asarray(plain.slope(rates)), 1e-300)
    mean = weights.mean(-1, keepdims=True)
    weights = np.where(mean > 0, np.minimum(weights, _LARGEST_WEIGHT * mean), 1.0)
    return Weighted(plain, np.maximum(weights, _LEAST_WEIGHT * weights.max(-1, keepdims=True)))


def _targets(gain: np.ndarray, least: np.ndarray, goal: Sliced) -> tuple[np.ndarray, np.ndarray]:
    """Least rates that can be met together, [B, K], and the largest factor for all of them, [B]."""
    targets = np.zeros(gain.shape[:-1])
    asked = np.flatnonzero(least > 0)
    if not asked.size:
        return targets, np.full(len(gain), np.inf)
    part = gain[:, asked[:, None], asked]
    order = [np.flatnonzero(np.isin(asked, one.links)) for one in goal.slices]
    targets[:, asked] = admitted(part, least[asked], order)
    return targets, np.asarray(feasible(part, least[asked]).relaxation)
