"""WMMSE over bands with budgets of links and groups, in float64 NumPy: written for clearness, not for speed.

Shapes: B networks, F bands, K links; gain [B, F, K, K], powers [B, F, K].
"""

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.goals import RATE_FLOOR, AlphaFair, Objective, ProportionalFair, QoS, Weighted

_HALVINGS = 40


def rates(gain: np.ndarray, power: np.ndarray) -> np.ndarray:
    """log2(1 + SINR) per band, [B, F, K]."""
    own = np.diagonal(gain, axis1=-2, axis2=-1)
    heard = (gain * (1 - np.eye(gain.shape[-1])) @ power[..., None])[..., 0] + 1
    return np.log2(1 + own * power / heard)


def slope_of(total: np.ndarray, goal: Objective) -> np.ndarray:
    """beta'(R_k) at summed rates [B, K]; QoS falls over a fifteenth of the least rate."""
    if isinstance(goal, Weighted):
        weights = np.asarray(goal.weights, dtype=np.float64)
        return weights / weights.max(-1, keepdims=True) * slope_of(total, goal.objective)
    if isinstance(goal, QoS):
        width = max(goal.min_rate / 15, RATE_FLOOR)
        return 1 + goal.penalty * np.clip((goal.min_rate - total) / width + 1, 0, 1)
    if isinstance(goal, AlphaFair) and goal.alpha:
        return (total + RATE_FLOOR) ** -goal.alpha
    return 1 / (total + RATE_FLOOR) if isinstance(goal, ProportionalFair) else np.ones_like(total)


def wmmse(
    gain: np.ndarray, limits: PowerLimits, goal: Objective, power: np.ndarray, iterations: int
) -> np.ndarray:
    """Powers from starting powers that obey the limits; damped, and the best ones met, unless the goal is linear."""
    gain = gain.astype(np.float64)
    own = np.diagonal(gain, axis1=-2, axis2=-1)  # [B, F, K]
    amplitude = np.sqrt(power.astype(np.float64))
    best, reached = power.astype(np.float64), np.full(len(gain), -np.inf)
    linear = (slope_of(np.ones((1, 2)), _plain(goal)) == slope_of(np.full((1, 2), 2.0), _plain(goal))).all()
    for iteration in range(iterations + 1):
        now = amplitude**2
        each = rates(gain, now)
        utility = goal.utility(each.sum(1))
        better = utility > reached
        best[better], reached[better] = now[better], utility[better]
        if iteration == iterations:
            break
        signal = own * now
        interference = np.einsum("bfkj,bfj->bfk", gain, now) + 1 - signal
        weight = slope_of(each.sum(1), goal)[:, None]
        push = weight * signal / (interference * (signal + interference))  # w u^2 of each receiver
        divisor = np.einsum("bfjk,bfj->bfk", gain, push)
        target = priced(amplitude * weight * own / interference, divisor, limits)
        amplitude = target if linear else amplitude + 0.5 * (target - amplitude)
    return best


def priced(numerator: np.ndarray, divisor: np.ndarray, limits: PowerLimits) -> np.ndarray:
    """Amplitudes numerator / (divisor + price of the link + price of its group), the least prices that fit."""
    caps = np.sqrt(limits.per_band)

    def amplitudes(price: np.ndarray) -> np.ndarray:  # [B, K]
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(numerator > 0, numerator / (divisor + price[:, None]), 0.0)
        return np.minimum(found, caps)

    def with_links(price: np.ndarray) -> np.ndarray:
        """Amplitudes at prices of groups [B, K] with the links' own prices on top."""
        own = _least_price(lambda more: (amplitudes(price + more) ** 2).sum(1) <= limits.total, price.shape)
        return amplitudes(price + own)

    if not limits.groups:
        return with_links(np.zeros(numerator.shape[::2]))
    member = np.maximum(limits.group, 0)

    def grouped(price: np.ndarray) -> np.ndarray:  # [B, G] -> [B, K]
        return np.where(limits.group >= 0, price[:, member], 0.0)

    price = _least_price(
        lambda given: limits.group_sums(with_links(grouped(given)) ** 2) <= limits.group_total,
        limits.group_total.shape,
    )
    return with_links(grouped(price))


def _plain(goal: Objective) -> Objective:
    return goal.objective if isinstance(goal, Weighted) else goal


def _least_price(fits, shape: tuple[int, ...]) -> np.ndarray:
    """The least prices at which every budget is kept, by halving on a logarithmic scale; 0 where none is needed."""
    free = fits(np.zeros(shape))
    low, high = np.full(shape, -60.0), np.full(shape, 60.0)  # powers of 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        kept = fits(np.where(free, 0.0, 2.0**middle))
        low, high = np.where(kept, low, middle), np.where(kept, middle, high)
    return np.where(free, 0.0, 2.0**high)
