"""Proportional fairness and alpha-fairness from alpha = 1 on: the optimum of any number of links, with a proof.

Under these goals the utility is concave in the logarithms of the powers, so that its tangent at any powers is an upper
bound. Source: Chiang, Tan, Palomar, O'Neill and Julian, Power control by geometric programming, IEEE Transactions on
Wireless Communications 6(7), 2007, for high SINR; that log(log(1 + e^s)) is concave needs no high SINR.

RATE_FLOOR keeps it from being concave everywhere: the benefit of a link is convex below a rate of about 2e-3 bit/s/Hz.
Over the SINRs that an optimum may have, it is replaced by the least concave function above it, which is the benefit
itself from some SINR on. From a bound of the utility's slope, powers follow that every optimum has at least. Where that
is not enough, a link that is all but silent is a case of its own, bounded by the optimum of the others.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from gfm_ra.goals import RATE_FLOOR, AlphaFair, Objective, ProportionalFair
from gfm_ra.solvers.proofs.certificate import plain_of, utility_of, weights_of

_LN_2 = np.log(2.0)
_SLOW = -10.0
"""Logarithm of the SINR below which a link is a case of its own: 7e-5 bit/s/Hz."""
_LIFTED = 0.02
"""In such a case, by what part others' interference may grow where powers are lifted to a least one."""
_LEAST = 1e-12
"""Power that Newton's method lifts smaller ones to."""
_DEEPEST, _DOUBTFUL = 2, 3
"""Links that are all but silent at once, and that may be, beyond which the rougher bound has to do."""
_ROUNDING = 1e-12
_STEPS, _HALVINGS = 60, 30
_DONE = 1e-10


def is_concave(goal: Objective) -> bool:
    """Whether a goal's utility is concave in the logarithms of the powers."""
    plain = plain_of(goal)
    return isinstance(plain, ProportionalFair) or (isinstance(plain, AlphaFair) and plain.alpha >= 1.0)


def climb(gain: np.ndarray, goal: Objective, power: np.ndarray) -> np.ndarray:
    """The optimum by Newton's method from powers [B, K] under gains [B, K, K] float64; never worse than the start."""
    order, weights = _order(goal), weights_of(goal, power.shape)
    found = [
        _climb_some(one, order, own, start) for one, own, start in zip(gain, weights, power, strict=True)
    ]
    better = np.stack(found)
    worse = utility_of(goal, better, gain) < utility_of(goal, power, gain)
    return np.where(worse[:, None], power, better)


def tangent_bound(gain: np.ndarray, goal: Objective, power: np.ndarray) -> np.ndarray:
    """Upper bound [B] of the utility over all powers, by the tangent near powers [B, K]; tight at the optimum."""
    weights, order = weights_of(goal, power.shape), _order(goal)
    return np.array(
        [_bound(one, order, w, p) for one, w, p in zip(gain, weights, power, strict=True)], dtype=np.float64
    )


def _order(goal: Objective) -> float:
    plain = plain_of(goal)
    return plain.alpha if isinstance(plain, AlphaFair) else 1.0


class _Problem(NamedTuple):
    """One network and its goal."""

    gain: np.ndarray  # [K, K]
    order: float  # alpha
    weights: np.ndarray  # [K]
    turn: np.ndarray  # [K]: logarithm of the SINR below which a benefit is replaced by its tangent there


class _Point(NamedTuple):
    """Derivatives of the utility in the logarithms of the powers."""

    utility: float
    gradient: np.ndarray  # [K]
    hessian: np.ndarray  # [K, K]
    size: float  # of the terms that the utility is a sum of
    steepness: float  # sum of the benefits' slopes


def _benefit(rate: np.ndarray, order: float) -> np.ndarray:
    lifted = rate + RATE_FLOOR
    return np.log(lifted) if order == 1.0 else lifted ** (1.0 - order) / (1.0 - order)


def _curve(logs: np.ndarray, order: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Benefit of a link of weight 1 at a logarithm of its SINR, and its first two derivatives."""
    rate = np.logaddexp(0.0, logs) / _LN_2
    share = np.exp(-np.logaddexp(0.0, -logs))  # 1 - 2^-R, and ln 2 times dR / ds
    lifted = rate + RATE_FLOOR
    slope = lifted**-order * share / _LN_2
    return _benefit(rate, order), slope, slope * ((1.0 - share) - order * share / (lifted * _LN_2))


def _at(problem: _Problem, logs: np.ndarray) -> _Point:
    gain, order, weights, turn = problem
    received = gain * np.exp(logs)  # [receiver, transmitter]
    signal = np.diagonal(received).copy()
    np.fill_diagonal(received, 0.0)
    noise = 1.0 + received.sum(-1)
    with np.errstate(divide="ignore"):
        ratio = np.log(signal) - np.log(noise)
    above = np.maximum(ratio, turn)
    value, slope, bend = _curve(above, order)
    terms = weights * (value + slope * np.where(above > ratio, ratio - above, 0.0))
    slope, bend = weights * slope, weights * np.where(above > ratio, 0.0, np.minimum(bend, 0.0))
    part = received / noise[:, None]  # of the interference, by transmitter
    jacobian = np.eye(len(logs)) - part
    hessian = (jacobian.T * bend) @ jacobian - np.diag(slope @ part) + (part.T * slope) @ part
    return _Point(
        float(terms.sum()), jacobian.T @ slope, hessian, float(np.abs(terms).sum()), float(slope.sum())
    )


def _climb_some(gain: np.ndarray, order: float, weights: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The optimum of one network, whose links without weight or gain of their own are silent."""
    counts = (weights > 0.0) & (np.diagonal(gain) > 0.0)
    power = np.zeros_like(start)
    if counts.any():
        some = _Problem(gain[np.ix_(counts, counts)], order, weights[counts], np.full(counts.sum(), -np.inf))
        power[counts] = _climb(some, start[counts])
    return power


def _climb(problem: _Problem, start: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(start, _LEAST))
    now = _at(problem, logs)
    for _ in range(_STEPS):
        free = ~((logs >= 0.0) & (now.gradient > 0.0))
        scale = now.steepness + 1e-300
        if np.abs(now.gradient[free]).sum() <= _DONE * scale:
            break
        some = -now.hessian[np.ix_(free, free)]
        some[np.diag_indices_from(some)] += 1e-12 * scale
        step = np.zeros_like(logs)
        step[free] = np.clip(np.linalg.solve(some, now.gradient[free]), -5.0, 5.0)
        for _ in range(_HALVINGS):
            tried = np.minimum(logs + step, 0.0)
            then = _at(problem, tried)
            if then.utility > now.utility:
                break
            step *= 0.5
        else:
            break
        logs, now = tried, then
    return np.exp(logs)


def _bound(gain: np.ndarray, order: float, weights: np.ndarray, power: np.ndarray, depth: int = 0) -> float:
    """Upper bound for one network: all links at work, or one of them all but silent."""
    direct = np.diagonal(gain)
    counts = (weights > 0.0) & (direct > 0.0)
    if not counts.all():  # such links have one benefit, whatever the powers, and only disturb the others
        silent = float(weights[~counts] @ _benefit(np.zeros((~counts).sum()), order))
        inner = gain[np.ix_(counts, counts)]
        return silent + (_bound(inner, order, weights[counts], power[counts], depth) if counts.any() else 0.0)
    lowest = _lowest(gain, order, weights, power)
    doubtful = (lowest < _SLOW) & (_turn(lowest, order) > _SLOW)
    least = np.where(doubtful, _SLOW, lowest)
    bounds = [_over(gain, order, weights, power, least, least - np.log(direct))]
    slow = _benefit(np.log1p(np.exp(_SLOW)) / _LN_2, order)
    for link in np.flatnonzero(doubtful):
        rest = np.arange(len(weights)) != link
        others = gain[np.ix_(rest, rest)], order, weights[rest], power[rest]
        most = weights[link] * slow + _lifted_bound(*others)
        if most > bounds[0] and depth < _DEEPEST and doubtful.sum() <= _DOUBTFUL:  # that was too rough
            most = min(most, weights[link] * slow + _bound(*others, depth + 1))
        bounds.append(most)
    return max(bounds)


def _lifted_bound(gain: np.ndarray, order: float, weights: np.ndarray, power: np.ndarray) -> float:
    """Upper bound for one network whose powers are not below a small one, and what lifting them to it may cost."""
    if not len(weights):
        return 0.0
    direct, others = np.diagonal(gain), gain.copy()
    np.fill_diagonal(others, 0.0)
    lowest = _lowest(gain, order, weights, power)
    doubtful = _turn(lowest, order) > _SLOW
    lifted = np.minimum(_LIFTED / (max(doubtful.sum(), 1) * np.maximum(others.max(0), 1e-300)), 1.0)
    noise = 1.0 + others.sum(-1)
    least = np.where(doubtful, np.log(direct * lifted / noise), lowest)
    floor = np.where(doubtful, np.log(lifted), lowest - np.log(direct))
    cost = np.log1p(_LIFTED) * (1.0 + _LIFTED) ** (order - 1.0) * bool(doubtful.any())
    utility = _at(
        _Problem(gain, order, weights, np.full(len(direct), -np.inf)), np.log(np.maximum(power, _LEAST))
    ).utility
    return _over(gain, order, weights, power, least, floor) + cost * _steepest(order, weights, utility).sum()


def _over(
    gain: np.ndarray,
    order: float,
    weights: np.ndarray,
    power: np.ndarray,
    least: np.ndarray,
    floor: np.ndarray,
) -> float:
    """Upper bound over powers whose logarithms are at least floor [K], SINRs' logarithms at least `least` [K]."""
    problem = _Problem(gain, order, weights, _turn(least, order))
    logs = np.log(np.maximum(_climb(problem, power), _LEAST))
    now = _at(problem, logs)
    reach = now.gradient * np.stack([-logs, np.minimum(floor, 0.0) - logs])
    return now.utility + reach.max(0).sum() + _ROUNDING * (now.size + np.abs(reach).sum())


def _lowest(gain: np.ndarray, order: float, weights: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Logarithms of the SINRs [K] that an optimum has at least, whatever its other powers."""
    problem = _Problem(gain, order, weights, np.full(len(weights), -np.inf))
    utility = _at(problem, np.log(np.maximum(power, _LEAST))).utility
    needed = _needed_power(gain, order, weights, _steepest(order, weights, utility))
    direct = np.diagonal(gain)
    with np.errstate(divide="ignore"):
        return np.log(direct * needed) - np.log(1.0 + gain.sum(-1) - direct)


def _turn(lowest: np.ndarray, order: float) -> np.ndarray:
    """Where the tangent of a link's benefit meets the benefit at the lowest SINR, which may be none [K].

    From there on the benefit, and below it this tangent, are the least concave function above the benefit.
    """
    with np.errstate(divide="ignore"):
        value = np.where(np.isfinite(lowest), _curve(np.maximum(lowest, -700.0), order)[0], np.inf)
    finite = np.maximum(lowest, -700.0)
    low = np.full_like(finite, _inflection(order))
    high = np.full_like(finite, 60.0)

    def above(turn: np.ndarray) -> np.ndarray:
        at, slope, _ = _curve(turn, order)
        return at + slope * (finite - turn) >= value

    done = above(low)
    for _ in range(60):
        middle = 0.5 * (low + high)
        enough = above(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    turn = np.where(done, _inflection(order), high)
    return np.where(finite >= _inflection(order), -np.inf, turn)


@cache
def _inflection(order: float) -> float:
    """Logarithm of the SINR from which on a link's benefit is concave."""
    low, high = -40.0, 10.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        convex = bool(_curve(np.array([middle]), order)[2][0] > 0.0)
        low, high = (middle, high) if convex else (low, middle)
    return high


def _needed_power(gain: np.ndarray, order: float, weights: np.ndarray, steepest: np.ndarray) -> np.ndarray:
    """Powers [K] that an optimum has at least: with less, a link gains more by power than all others can lose.

    A link loses at most steepest_j g_jk for a unit of the power of link k. Link k gains w_k (R + floor)^-alpha g_kk /
    (T ln 2), T its signal, interference and noise. The product (R + floor)^alpha T is largest without interference or
    with all of it: both are taken, in (a + b)^alpha <= 2^(alpha - 1) (a^alpha + b^alpha).
    """
    direct = np.diagonal(gain)
    others = gain.copy()
    np.fill_diagonal(others, 0.0)
    harm = steepest @ others
    most_noise = 1.0 + others.sum(-1)
    with np.errstate(divide="ignore"):
        allowed = np.where(harm > 0.0, weights * direct / np.maximum(harm, 1e-200), np.inf)
    allowed = allowed / 2.0 ** (order - 1.0) * (1 - 1e-9)
    low, high = np.zeros_like(direct), direct.copy()  # signal over noise
    for _ in range(80):
        middle = 0.5 * (low + high)
        product = (1.0 + middle) * (np.log1p(middle) / _LN_2) ** order + RATE_FLOOR**order * (
            most_noise + middle
        )
        gains = product * _LN_2 < allowed
        low, high = np.where(gains, middle, low), np.where(gains, high, middle)
    return np.where(direct > 0.0, np.minimum(low / np.maximum(direct, 1e-300), 1.0), 0.0)


def _steepest(order: float, weights: np.ndarray, utility: float) -> np.ndarray:
    """[K]: bounds of the benefits' slopes in the logarithm of the SINR, at any powers with at least this utility."""
    if order == 1.0:
        return weights
    # All benefits are negative: none can be less than the utility, and R^(1 - alpha) / (alpha - 1) is at most that.
    return np.where(weights > 0, (order - 1.0) * abs(utility), 0.0)
