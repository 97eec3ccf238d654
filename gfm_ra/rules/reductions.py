"""Take back what exceeds budgets and caps, down to least powers."""

import numpy as np

from gfm_ra.rules.bounds import PowerBounds, interference


def reduced(power: np.ndarray, base: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """Powers [B, F, K] between `base` and `power` that obey every budget and cap, if `base` does.

    Sums over bands, then budgets of groups, are met by scaling what lies above `base`; caps by the nearest powers that
    obey them, which takes most from the transmitters that harm most. What was obeyed stays obeyed: nothing rises.
    """
    above = power - base
    above = above * _part(bounds.high_total - base.sum(-2), above.sum(-2))[:, None, :]
    for number, members in enumerate(bounds.group):
        spent = base[..., members].sum((-2, -1))
        part = _part(bounds.group_total[:, number] - spent, above[..., members].sum((-2, -1)))
        above[..., members] *= part[:, None, None]
    if bounds.cap.shape[-1]:
        above = _capped(above, base, bounds)
    return base + above


def _part(left: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The part of what is asked for that is left, at most 1."""
    left = np.maximum(left, 0.0)
    return np.where(asked > left, np.divide(left, asked, out=np.ones_like(asked), where=asked > left), 1.0)


def _capped(above: np.ndarray, base: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """Nearest powers above `base` under every cap, one receiver after the other, [B, F, K]."""
    count, receivers = bounds.cap.shape
    left = np.maximum(bounds.cap - interference(base, bounds), 0.0)
    flat = above.reshape(count, -1).copy()
    for number in range(receivers):
        gain = bounds.gain[:, number].reshape(count, -1)
        over = np.flatnonzero((gain * flat).sum(-1) > left[:, number])
        if over.size:
            flat[over] = _projected(flat[over], gain[over], left[over, number])
    return flat.reshape(above.shape)


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
    found = np.where(gain > 0, np.maximum(power - np.maximum(chosen, 0.0) * gain, 0.0), power)
    # Rounding of the price is taken back by scaling.
    sums = (gain * found).sum(-1)
    scale = np.where(sums > most, np.divide(most, sums, out=np.zeros_like(sums), where=sums > 0), 1.0)
    return np.where(gain > 0, found * scale[:, None], found)
