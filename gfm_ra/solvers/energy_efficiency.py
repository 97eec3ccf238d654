"""Powers of high energy efficiency by fractional programming, in float64 NumPy.

Shapes: B networks, S starts, K links.
"""

import math
from operator import index
from typing import NamedTuple

import numpy as np

from gfm_ra.energy import EnergyEfficiency, energy_goal
from gfm_ra.goals import Objective, Weighted, normalised_weights
from gfm_ra.solvers.inputs import as_batch, as_count, as_powers
from gfm_ra.solvers.random_starts import uniform
from gfm_ra.units import db_to_linear

_SOLVER = "energy_efficient"
_LOG_2 = math.log(2.0)
_SPREAD_DB = 60.0
"""Range over which random starts are spread: uniform powers would nearly all lie within 10 dB of full power, and lead
to the same maxima."""
_TINY = 1e-300
_PART_POWERS = 2**20
"""Powers of starts that are worked on at a time: what bounds the memory."""


def energy_efficient(
    gain: np.ndarray,
    goal: Objective,
    iterations: int = 100,
    starts: int = 1,
    seed: int = 0,
    initial_power: np.ndarray | None = None,
    first_index: int = 0,
) -> np.ndarray:
    """Powers of high energy efficiency: the best of several starts by true utility, and never worse than full power.

    Start 0 is full power, or `initial_power` ([..., K]); the others are random, evenly spread in dB over 60 dB below
    full power, keyed as those of `wmmse` by `seed`, the network's number (`first_index` plus its place in the batch)
    and the start. The best powers that are met are returned, so more starts or iterations never give less.

    gain : [..., K, K]; goal : `gfm_ra.EnergyEfficiency`, weighted or not. Returns float32 [..., K] in [0, 1].
    Raises ValueError for another goal, for gains, powers or weights that are out of range or do not fit, or for
    impossible counts.

    An iteration sets the parameters of the fractions to what they are at the present powers: Dinkelbach's for the
    global ratio, Jong's for the sum of ratios. That leaves sum_k a_k R_k - sum_k b_k p_k, whose successive convex
    approximation in log powers has a maximum in closed form,

        p_k = a_k s_k / (sum_{j != k} a_j s_j g_jk / (1 + I_j) + log(2) b_k), at most 1, with s = SINR / (1 + SINR).

    For the global ratio no iteration lowers the utility; for the sum of ratios none was seen to. The amplitude step of
    WMMSE from the same parameters needs some thousand iterations where own gains are high.
    Source: those of the goal; Jong, An efficient global optimization algorithm for nonlinear sum-of-ratios problem,
    2012; Papandriopoulos and Evans, SCALE: a low-complexity distributed protocol for spectrum balancing in multiuser
    DSL networks, IEEE Trans. Inf. Theory 2009 (the approximation); Shen and Yu, Fractional programming for
    communication systems, part I, IEEE Trans. Signal Process. 2018 (the amplitude step, a quadratic transform).
    """
    flat, leading = as_batch(gain, _SOLVER)
    count, links, _ = flat.shape
    starts = as_count(starts, 1, "starts", _SOLVER)
    iterations = as_count(iterations, 0, "iterations", _SOLVER)
    initial = as_powers(initial_power, count, links, _SOLVER)
    begin = np.ones((count, 1, links), np.float32) if initial is None else initial[:, None]
    indices = np.arange(count, dtype=np.uint64) + np.uint64(index(first_index) % 2**64)
    power = best_of(np.asarray(gain).reshape(flat.shape), goal, begin, iterations, starts - 1, seed, indices)
    return power.reshape(*leading, links)


def best_of(
    gain: np.ndarray,
    goal: Objective,
    given: np.ndarray,
    iterations: int,
    random: int,
    seed: int,
    indices: np.ndarray,
) -> np.ndarray:
    """The best by true utility of full power, starts, and what they lead to, float32 [B, K]; full power wins ties.

    gain : [B, K, K]; given : float32 [B, S, K], starts; random : further starts, keyed by `indices` [B].
    Raises ValueError for a goal that is no energy efficiency or weights that do not fit.
    """
    plain = energy_goal(goal)
    if plain is None:
        raise ValueError(f"{_SOLVER}: the goal must be EnergyEfficiency, weighted or not, got {goal!r}")
    count, links, _ = gain.shape
    weights = _weights_of(goal, count, links)
    step = max(1, _PART_POWERS // ((given.shape[1] + random) * links))
    parts = [np.empty((0, links), np.float32)]
    for first in range(0, count, step):
        rows = slice(first, first + step)
        drawn = uniform(seed, indices[rows], np.arange(1, random + 1), links)
        drawn = db_to_linear(_SPREAD_DB * (drawn.astype(np.float64) - 1.0)).astype(np.float32)
        begin = np.concatenate([given[rows], drawn], axis=1)
        fractions = _Fractions(gain[rows].astype(np.float64), plain, weights[rows])
        parts.append(_best(fractions, begin, _climbed(fractions, begin.astype(np.float64), iterations)))
    return np.concatenate(parts)


class _Point(NamedTuple):
    """Powers of several starts and what comes of them."""

    power: np.ndarray  # [B, S, K]
    signal: np.ndarray  # [B, S, K]
    disturbance: np.ndarray  # [B, S, K], interference and noise
    rates: np.ndarray  # [B, S, K]
    utility: np.ndarray  # [B, S]


class _Fractions:
    """Networks under a goal."""

    def __init__(self, gain: np.ndarray, goal: EnergyEfficiency, weights: np.ndarray) -> None:
        """gain : float64 [B, K, K]; weights : [B, K]."""
        self.goal, self.weights = goal, weights
        self._own = np.diagonal(gain, axis1=-2, axis2=-1)[:, None]  # [B, 1, K]
        self._crossing = np.where(np.eye(gain.shape[-1], dtype=bool), 0.0, gain)

    def point(self, power: np.ndarray) -> _Point:
        """What comes of powers float64 [B, S, K]."""
        signal = self._own * power
        disturbance = 1.0 + power @ np.swapaxes(self._crossing, -1, -2)
        rates = np.log1p(signal / disturbance) / _LOG_2
        utility = (self.weights[:, None] * self.goal.at(power).benefit(rates)).sum(-1)
        return _Point(power, signal, disturbance, rates, utility)

    def target(self, now: _Point) -> np.ndarray:
        """Powers that maximise the approximation at a point, [B, S, K]."""
        per_rate, per_power = self.goal.gradients(now.rates, now.power, self.weights[:, None])
        total = now.signal + now.disturbance
        harm = (per_rate * now.signal / (now.disturbance * total)) @ self._crossing
        benefit = now.power * (per_rate * self._own / total)
        return np.minimum(benefit / np.maximum(harm - _LOG_2 * per_power, _TINY), 1.0)


def _climbed(fractions: _Fractions, power: np.ndarray, iterations: int) -> np.ndarray:
    """The best powers that are met on the way from starts [B, S, K]."""
    # Powers of hopeless links underflow, and their price may overflow.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        now = fractions.point(power)
        best, most = now.power, now.utility
        for _ in range(iterations):
            now = fractions.point(fractions.target(now))
            better = now.utility > most  # NaN never is
            best, most = np.where(better[..., None], now.power, best), np.where(better, now.utility, most)
    return best


def _best(fractions: _Fractions, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The best of full power, starts float32 and ends float64 [B, S, K] by true utility, as float32 [B, K]."""
    full = np.ones_like(begin[:, :1])
    candidates = np.concatenate([full, begin, end.astype(np.float32)], axis=1)
    utility = fractions.point(candidates.astype(np.float64)).utility
    chosen = np.argmax(np.where(np.isfinite(utility), utility, -np.inf), axis=1)
    return np.take_along_axis(candidates, chosen[:, None, None], axis=1)[:, 0]


def _weights_of(goal: Objective, count: int, links: int) -> np.ndarray:
    """A goal's weights, float64 [B, K], largest 1; ones without."""
    if not isinstance(goal, Weighted):
        return np.ones((count, links))
    weights = normalised_weights(goal.weights)
    if weights.shape[-1] != links or weights.size not in (links, count * links):
        raise ValueError(f"{_SOLVER}: weights {weights.shape} do not fit {count} networks of {links} links")
    return np.broadcast_to(weights.reshape(-1, links), (count, links)).astype(np.float64)
