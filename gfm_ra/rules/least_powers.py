"""Powers just large enough for floors, ramps and cells that are never silent, from which excess is taken back."""

import numpy as np

from gfm_ra.rules.bounds import PowerBounds, interference, sums_over
from gfm_ra.rules.violations import HOLDS

_ENOUGH = 1e-12
_NOTHING_LEFT = 1e-250
"""Of a cap: the largest gain divided by it is finite."""


def least_powers(wanted: np.ndarray, high: np.ndarray, bounds: PowerBounds) -> tuple[np.ndarray, np.ndarray]:
    """Least powers [B, F, K] that meet every lower bound, and whether they also obey all upper ones, [B] bool.

    Where a sum over bands or links is demanded, it is made of wanted powers [B, F, K] as far as these reach, then of
    those that take the least part of what caps and budgets leave. high : [B, F, K], largest powers.
    """
    base = np.minimum(bounds.low, high)
    links = np.eye(wanted.shape[-1], dtype=bool)
    demands = [(links[link], bounds.low_total[:, link]) for link in np.flatnonzero(bounds.low_total.any(0))]
    demands += [(cell, bounds.cell_least[:, number]) for number, cell in enumerate(bounds.cell)]
    met = (bounds.low <= high * (1 + HOLDS)).all((-2, -1))
    for members, least in demands:
        base = _wanted_first(base, wanted, high, members, least)
        base = _filled(base, high, members, least, bounds)
        met &= base[..., members].sum((-2, -1)) >= least * (1 - 1e-9) - _ENOUGH
    return base, met & _obeys_upper(base, bounds)


def _wanted_first(
    base: np.ndarray, wanted: np.ndarray, high: np.ndarray, members: np.ndarray, least: np.ndarray
) -> np.ndarray:
    """Raise members' powers towards wanted ones until their sum is `least` [B]."""
    missing = np.maximum(least - base[..., members].sum((-2, -1)), 0.0)
    if not missing.any():
        return base
    room = np.maximum(np.minimum(wanted, high)[..., members] - base[..., members], 0.0)
    there = room.sum((-2, -1))
    part = np.minimum(1.0, np.divide(missing, there, out=np.zeros_like(missing), where=there > 0))
    raised = base.copy()
    raised[..., members] += part[:, None, None] * room
    return raised


def _filled(
    base: np.ndarray, high: np.ndarray, members: np.ndarray, least: np.ndarray, bounds: PowerBounds
) -> np.ndarray:
    """Raise members' powers, the least harmful first, until their sum is `least` [B] or nothing is left."""
    missing = least - base[..., members].sum((-2, -1))
    short = np.flatnonzero(missing > np.maximum(least * 1e-12, _ENOUGH))
    if not short.size:
        return base
    part, missing, power, top = bounds.rows(short), missing[short], base[short], high[short]
    rows, inside = np.arange(len(short)), np.broadcast_to(members, power.shape[1:]).reshape(-1)
    size = power[0].size
    for _ in range(int(inside.sum())):
        room, harm = _room(power, top, part)
        usable = inside & (room > _ENOUGH)
        score = np.where(usable, harm, np.inf)
        best = np.where(usable.any(-1), score.argmin(-1), 0)
        step = np.where(usable[rows, best], np.minimum(missing, room[rows, best]), 0.0)
        flat = power.reshape(len(rows), size)
        flat[rows, best] += step
        missing = missing - step
        if not ((missing > _ENOUGH) & (step > 0)).any():
            break
    filled = base.copy()
    filled[short] = power
    return filled


def _room(power: np.ndarray, high: np.ndarray, bounds: PowerBounds) -> tuple[np.ndarray, np.ndarray]:
    """How far each power may still rise, and the largest part of a budget or cap per unit, each [B, F * K]."""
    left = np.maximum(bounds.high_total - power.sum(-2), 0.0)[:, None, :]
    room = np.minimum(high - power, left)
    harm = np.zeros_like(room)
    if len(bounds.group):
        left = np.maximum(bounds.group_total - sums_over(bounds.group, power), 0.0)  # [B, G]
        for number, members in enumerate(bounds.group):
            mine = left[:, number, None, None]
            room = np.where(members, np.minimum(room, mine), room)
            harm = np.where(members, np.maximum(harm, 1.0 / np.maximum(mine, _ENOUGH)), harm)
    left = np.maximum(bounds.cap - interference(power, bounds), 0.0)  # [B, R]
    for number in range(left.shape[-1]):
        gain, mine = bounds.gain[:, number], left[:, number, None, None]
        most = np.divide(mine, gain, out=np.full(gain.shape, np.inf), where=gain > 0)
        room = np.minimum(room, most)
        harm = np.maximum(harm, gain / np.maximum(mine, _NOTHING_LEFT))
    return room.reshape(len(power), -1), harm.reshape(len(power), -1)


def _obeys_upper(power: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """Whether budgets and caps hold, [B] bool."""
    slightly = 1 + 1e-9
    good = (power.sum(-2) <= bounds.high_total * slightly + _ENOUGH).all(-1)
    if len(bounds.group):
        good &= (sums_over(bounds.group, power) <= bounds.group_total * slightly + _ENOUGH).all(-1)
    return good & (interference(power, bounds) <= bounds.cap * slightly).all(-1)
