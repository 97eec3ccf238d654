"""By how much powers break limits and rules."""

import numpy as np

from gfm_ra.rules.bounds import PowerBounds, interference, sums_over

HOLDS = 5e-7
"""Violation up to which powers count as obeying: rounding to float32 makes less than half of it."""


def violation(power: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """The largest violation of powers [B, F, K], as a part of the bound that is broken, [B].

    0 where everything holds; inf where a bound of 0, or orthogonal sharing, is broken, or a power is negative or not
    finite.
    """
    wrong = np.asarray(~(np.isfinite(power) & (power >= 0)).all((-2, -1)))  # [B]
    exact = np.where(wrong[:, None, None], 0.0, power.astype(np.float64))
    total = exact.sum(-2)
    found = np.maximum(_above(exact, bounds.high).max((-2, -1)), _above(total, bounds.high_total).max(-1))
    found = np.maximum(found, _below(exact, bounds.low).max((-2, -1)))
    found = np.maximum(found, _below(total, bounds.low_total).max(-1))
    if len(bounds.group):
        found = np.maximum(found, _above(sums_over(bounds.group, exact), bounds.group_total).max(-1))
    if len(bounds.cell):
        found = np.maximum(found, _below(sums_over(bounds.cell, exact), bounds.cell_least).max(-1))
    if bounds.cap.shape[-1]:
        found = np.maximum(found, _above(interference(exact, bounds), bounds.cap).max(-1))
    for members in bounds.sharing:
        active = (exact[..., members] > 0).sum(-1)  # [B, F]
        found = np.where((active > 1).any(-1), np.inf, found)
    return np.where(wrong, np.inf, found)


def _above(value: np.ndarray, most: np.ndarray) -> np.ndarray:
    over = np.maximum(value - most, 0.0)
    return np.asarray(np.divide(over, most, out=np.where(over > 0, np.inf, 0.0), where=most > 0))


def _below(value: np.ndarray, least: np.ndarray) -> np.ndarray:
    under = np.maximum(least - value, 0.0)
    return np.asarray(np.divide(under, least, out=np.zeros_like(under), where=least > 0))
