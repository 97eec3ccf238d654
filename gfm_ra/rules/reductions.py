"""Take back what exceeds budgets and caps, down to least powers."""

from collections.abc import Callable

import numpy as np

from gfm_ra.rules.bounds import PowerBounds, interference

_STEPS = 20
"""Of Newton's method: the error at least halves until it is small, then its digits double."""


def reduced(power: np.ndarray, base: np.ndarray, bounds: PowerBounds, nearest: bool = False) -> np.ndarray:
    """Powers [B, F, K] between `base` and `power` that obey every budget and cap, if `base` does.

    Sums over bands, then budgets of groups, are met by scaling what lies above `base`. Under a cap a transmitter's
    contribution c to the interference becomes c / (1 + price * c): the strong ones lose most, nobody becomes silent.
    With `nearest`, powers become the nearest ones under the cap. What was obeyed stays obeyed: nothing rises.
    """
    above = power - base
    above = above * _part(bounds.high_total - base.sum(-2), above.sum(-2))[:, None, :]
    for number, members in enumerate(bounds.group):
        spent = base[..., members].sum((-2, -1))
        part = _part(bounds.group_total[:, number] - spent, above[..., members].sum((-2, -1)))
        above[..., members] *= part[:, None, None]
    if bounds.cap.shape[-1]:
        above = _capped(above, base, bounds, _projected if nearest else _compressed)
    return base + above


def _part(left: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The part of what is asked for that is left, at most 1."""
    left = np.maximum(left, 0.0)
    return np.where(asked > left, np.divide(left, asked, out=np.ones_like(asked), where=asked > left), 1.0)


def _capped(
    above: np.ndarray,
    base: np.ndarray,
    bounds: PowerBounds,
    under: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """What lies above `base` brought under every cap, one receiver after the other, [B, F, K]."""
    count, receivers = bounds.cap.shape
    left = np.maximum(bounds.cap - interference(base, bounds), 0.0)
    flat = above.reshape(count, -1).copy()
    for number in range(receivers):
        gain = bounds.gain[:, number].reshape(count, -1)
        over = np.flatnonzero((gain * flat).sum(-1) > left[:, number])
        if over.size:
            found = under(flat[over], gain[over], left[over, number])
            # Rounding of the price is taken back by scaling.
            part = _part(left[over, number], (gain[over] * found).sum(-1))[:, None]
            flat[over] = np.where(gain[over] > 0, found * part, found)
    return flat.reshape(above.shape)


def _compressed(power: np.ndarray, gain: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Powers [B, N] whose contributions c = gain * power became c / (1 + price * c), with sum `most` [B]."""
    unit = np.where(most > 0, most, 1.0)[:, None]
    part = gain * power / unit
    # Newton's method from below the root of a convex falling function; the largest part alone says where that is.
    price = np.maximum(1.0 - 1.0 / part.max(-1), 0.0)
    for _ in range(_STEPS):
        kept = part / (1.0 + price[:, None] * part)
        price = price + np.maximum(kept.sum(-1) - 1.0, 0.0) / np.square(kept).sum(-1)
    return power / (1.0 + price[:, None] * part)


def _projected(power: np.ndarray, gain: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The nearest powers [B, N] from 0 on with sum of gain times power at most `most` [B], which they exceed.

    They are max(0, power - price * gain); the price follows from the sorted ratios of power to gain.
    """
    ratio = np.divide(power, gain, out=np.full(power.shape, np.inf), where=gain > 0)
    ratio = np.where((gain > 0) & (power > 0), ratio, -np.inf)
    order = np.argsort(-ratio, axis=-1, kind="stable")
    ratio, g, p = (np.take_along_axis(each, order, -1) for each in (ratio, gain, power))
    linear, square = np.cumsum(g * p, -1), np.cumsum(g * g, -1)
    price = np.divide(linear - most[:, None], square, out=np.full(linear.shape, -np.inf), where=square > 0)
    # The price of the first n is the answer for the largest n whose members all stay above 0 at it.
    stays = (price < ratio) & (ratio > -np.inf)
    last = np.where(stays.any(-1), stays.shape[-1] - 1 - stays[:, ::-1].argmax(-1), 0)
    chosen = np.take_along_axis(price, last[:, None], -1)
    return np.where(gain > 0, np.maximum(power - np.maximum(chosen, 0.0) * gain, 0.0), power)
