"""Powers for networks with slices: prompts by weights, repair, ascent, and the choice by the true utility."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gfm_ra.goals import Objective, Weighted
from gfm_ra.slices.admission import admitted
from gfm_ra.slices.ascent import Best, climb
from gfm_ra.slices.channel import Channel
from gfm_ra.slices.goal import Sliced
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
    channel, least = Channel(gain), goal.least
    targets, relaxation = _targets(channel.gain, least, goal)
    # A link whose least rate cannot be met counts as best effort would.
    weights = np.where((least > 0) & (targets == 0), np.maximum(goal.weights, 1.0), goal.weights)
    aim = Sliced(goal.slices, goal.parts, np.broadcast_to(weights, targets.shape))
    asked = np.flatnonzero(least > 0)
    worth = bool((goal.weights[..., asked] > 0).any())
    required = Requirements(channel, targets, asked, *goal.shares, raises=worth)
    best = Best(required, aim)
    source = np.full(len(gain), "feasible", dtype=object)

    def from_start(start: np.ndarray, name: str) -> np.ndarray:
        taken = best.repaired(start)
        climbed = climb(required, aim, start, plan.iterations)
        source[taken | best.consider(climbed.power)] = name
        return climbed.weights

    best.repaired(required.least_power)
    rates = channel.rates(np.ones_like(targets))
    first = prompt = prompt_for(aim, aim.slope(rates), rates)
    for number in range(plan.prompts):
        slopes = from_start(ask(prompt).astype(np.float64), "refined")
        if number + 1 < plan.prompts:
            prompt = prompt_for(aim, slopes, channel.rates(best.power))
    if plan.compared:
        from_start(wmmse(gain, first, iterations=100).astype(np.float64), "wmmse")
        from_start(np.ones_like(targets), "full-reuse")
    drawn = uniform(seed, indices, np.arange(1, plan.random + 1), targets.shape[-1]).astype(np.float64)
    for start in np.swapaxes(drawn, 0, 1):
        from_start(start, "random")
    best.silence()
    return Found(best.power.astype(np.float32), source, relaxation)


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
