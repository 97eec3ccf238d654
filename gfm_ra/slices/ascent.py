"""From starting powers to better ones that keep all requirements: concave steps in log powers with multipliers.

Under p = exp(q), log SINR is concave in q, so that least rates are convex constraints, and a rate is bounded from
below by a concave function that touches it at the present powers (Papandriopoulos and Evans, SCALE: a low-complexity
distributed protocol for spectrum balancing in multiuser DSL networks, IEEE Trans. Inf. Theory 55(8), 2009). With
multipliers m_k of the constraints on log SINR_k, that bound has its maximum where

    p_k = a_k / sum_{j != k} (a_j g_jk / (1 + I_j)), at most 1,  a_k = beta'(R_k) SINR_k / (1 + SINR_k) + m_k.

Multipliers of missed requirements grow by the ratio of what is asked to what is there, of met ones they shrink by it.
Shares add their multipliers to the slopes of the rates.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.goals import RATE_FLOOR, AlphaFair, Objective, QoS
from gfm_ra.slices.goal import Sliced, sums
from gfm_ra.slices.repair import Requirements

_FLOOR = 1e-4
"""Least power that iterations start from: a silent link would stay silent."""
_LEAST_POWER = 1e-18
_RANGE = 1e9
"""Largest multiplier, and one over the least, in units of the largest marginal utility."""
_STEP = 1e3
"""Largest factor of a multiplier in one iteration."""
_FIRST, _FIRST_SHARE = 1e-3, 0.1
"""Multipliers to begin with."""
_SHARE_POWER, _SHARE_RANGE = 0.4, 1e6
"""Exponent of the ratio by which multipliers of shares change, and their range: sums of rates answer slowly."""
_SPARED = 1e-6
"""Part of the utility that switching off links without a rate may cost."""
_CHECKED, _CHECKS_OF_SHARES = 10, 12
"""Iterations after which powers are repaired and compared; with shares, how often in all, since that takes longer."""


class Climbed(NamedTuple):
    """Where iterations end."""

    power: np.ndarray  # float64 [B, K], the best powers that were met
    weights: np.ndarray  # float64 [B, K], weights of the rates under which the last powers are stationary


class Best:
    """The best powers of B networks so far: fewest links below target, then fewest shares missed, then utility."""

    def __init__(self, required: Requirements, goal: Sliced) -> None:
        """Nothing yet."""
        count, links = required.targets.shape
        self._required, self._goal = required, goal
        self.power = np.zeros((count, links))
        self._missed = np.full(count, np.iinfo(np.int64).max)
        self._lacking, self._utility = np.full(count, np.inf), np.full(count, -np.inf)

    def consider(self, power: np.ndarray) -> np.ndarray:
        """Take float32 powers [B, K] where they are better; returns where, [B]."""
        power = power.astype(np.float32).astype(np.float64)
        rates = self._required.channel.rates(power)
        missed, lacking = self._required.missed(rates)
        utility = np.asarray(self._goal.utility(rates))
        better = (missed < self._missed) | (
            (missed == self._missed)
            & ((lacking < self._lacking) | ((lacking == self._lacking) & (utility > self._utility)))
        )
        better &= np.isfinite(utility)
        self.power = np.where(better[:, None], power, self.power)
        for name, values in (("_missed", missed), ("_lacking", lacking), ("_utility", utility)):
            setattr(self, name, np.where(better, values, getattr(self, name)))
        return better

    def repaired(self, power: np.ndarray) -> np.ndarray:
        """Take powers [B, K] repaired or as they are where they are better; returns where, [B].

        Of powers that are worth the same, the repaired ones are the smaller ones.
        """
        taken = [self.consider(each) for each in (*self._required.met(power), power)]
        return np.logical_or.reduce(taken)

    def silence(self) -> None:
        """Take the power of links that hardly have a rate, where that costs next to nothing."""
        rates = self._required.channel.rates(self.power)
        useless = (rates < RATE_FLOOR) & (self._required.targets == 0)
        power = np.where(useless, 0.0, self.power)
        after = self._required.channel.rates(power)
        missed, lacking = self._required.missed(after)
        spared = np.asarray(self._goal.utility(after)) >= self._utility - _SPARED * (
            1 + np.abs(self._utility)
        )
        spared &= (missed <= self._missed) & (lacking <= self._lacking)
        self.power = np.where(spared[:, None], power, self.power)


def climb(required: Requirements, goal: Sliced, power: np.ndarray, iterations: int) -> Climbed:
    """So many iterations from powers [B, K] in [0, 1], twice as many where there are shares."""
    checked = _CHECKED
    if required.shares.size:
        iterations, checked = 2 * iterations, max(1, 2 * iterations // _CHECKS_OF_SHARES)
    best = Best(required, goal)
    power = np.maximum(power, _FLOOR)
    state = _Multipliers(required, goal)
    for number in range(iterations):
        power = state.step(power)
        if (number + 1) % checked == 0 or number + 1 == iterations:
            best.repaired(power)
    return Climbed(best.power, state.weights(power))


class _Multipliers:
    """Multipliers of the requirements, and the step that they lead to."""

    def __init__(self, required: Requirements, goal: Sliced) -> None:
        self._required, self._goal = required, goal
        self._asked = required.targets > 0
        self._sinr = np.expm1(required.targets * np.log(2.0))
        self._damping = np.ones(required.targets.shape[-1])  # [K]
        for each, links in goal.parts:
            self._damping[links] = _damping(each)
        self._own = np.where(self._asked, _FIRST, 0.0)  # [B, K]
        self._share = np.full(required.shares.shape, _FIRST_SHARE)  # [B, S]

    def step(self, power: np.ndarray) -> np.ndarray:
        """The next powers, [B, K]."""
        channel = self._required.channel
        disturbance = channel.disturbance(power)
        sinr = channel.own * power / disturbance
        gained = sinr / (1.0 + sinr)
        rates = np.log1p(sinr) / np.log(2.0)
        slopes = np.asarray(self._goal.slope(rates))
        unit = (slopes * gained).max(-1, keepdims=True)
        unit = np.where(unit > 0, unit, 1.0)
        self._share = self._next_share(rates, unit)
        ratio = np.clip(self._sinr / np.maximum(sinr, 1e-300), 1 / _STEP, _STEP)
        self._own = np.where(self._asked, np.clip(self._own * ratio, unit / _RANGE, unit * _RANGE), 0.0)
        marginal = self._charged(slopes) * gained + self._own
        price = channel.at_transmitters(marginal / disturbance)
        with np.errstate(over="ignore", under="ignore"):
            wanted = np.where(price > 0, marginal / np.where(price > 0, price, 1.0), 1.0)
        return np.clip(power * (wanted / power) ** self._damping, _LEAST_POWER, 1.0)

    def weights(self, power: np.ndarray) -> np.ndarray:
        """Weights of rates whose sum has the same derivatives at powers [B, K]."""
        channel = self._required.channel
        sinr = channel.own * power / channel.disturbance(power)
        slopes = np.asarray(self._goal.slope(np.log1p(sinr) / np.log(2.0)))
        return self._charged(slopes) + self._own * (1.0 + sinr) / np.maximum(sinr, 1e-12)

    def _next_share(self, rates: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Multipliers of the shares under rates [B, K], [B, S]; unit : [B, 1]."""
        part = sums(rates, self._required.members)  # [B, S]
        wanted = self._required.shares * rates.sum(-1, keepdims=True)
        ratio = np.clip(wanted / np.maximum(part, 1e-12), 1 / _STEP, _STEP) ** _SHARE_POWER
        found = np.clip(self._share * ratio, unit / _SHARE_RANGE, unit * _SHARE_RANGE)
        return np.where(self._required.shares > 0, found, 0.0)

    def _charged(self, slopes: np.ndarray) -> np.ndarray:
        """Slopes [B, K] with what a rate is worth for the shares, and costs them; not below 0."""
        required = self._required
        worth = (self._share[..., None] * required.members).sum(1)  # [B, K]
        return np.maximum(slopes + worth - (self._share * required.shares).sum(-1, keepdims=True), 0.0)


def _damping(goal: Objective) -> float:
    """Exponent of steps under a goal: slopes that fall faster than 1 / R would overshoot."""
    match goal:
        case AlphaFair(alpha):
            return 1.0 / max(1.0, alpha) ** 2
        case QoS():
            return 0.5
    return 1.0
