"""Baselines for missing channel knowledge: fill hidden gains by a simple rule, then solve as if they were
true.

`hidden` is bool [..., K, K], True where the gain from transmitter j to receiver k is unknown; hiding both
directions of a pair is the usual case. Hidden entries of `gain` are never read: they may hold anything, NaN
too.
"""

import numpy as np

from gfm_ra.units import db_to_linear

TYPICAL_GAIN_DB = 7.0
"""Mean gain between the links of the scenarios D1-D20, dB over noise."""
CAUTIOUS_QUANTILE = 0.75
"""Unknown interference is better over- than underestimated; best of 0.25, 0.5, 0.75 and 0.9 on the sum
rate."""


def fill_constant(gain: np.ndarray, hidden: np.ndarray, gain_db: float = TYPICAL_GAIN_DB) -> np.ndarray:
    """Gains [..., K, K] with every hidden one replaced by the same value in dB."""
    _check(gain, hidden)
    return np.where(hidden, np.asarray(db_to_linear(gain_db), dtype=gain.dtype), gain)


def fill_quantile(gain: np.ndarray, hidden: np.ndarray, quantile: float = CAUTIOUS_QUANTILE) -> np.ndarray:
    """Gains [..., K, K] with hidden ones replaced by a quantile of what their own snapshot shows off the
    diagonal.

    Raises ValueError for a snapshot that hides every gain between its links: it has no quantile.
    """
    _check(gain, hidden)
    shown = ~hidden & ~np.eye(gain.shape[-1], dtype=bool)  # [..., K, K]
    counts = shown.sum((-2, -1))  # [...]
    if hidden.any() and (counts == 0).any():
        raise ValueError("imputation: a snapshot shows no gain between its links; use fill_constant there")
    ordered = np.sort(np.where(shown, gain, np.inf).reshape(*counts.shape, -1), axis=-1)  # shown ones first
    position = np.maximum(np.ceil(quantile * counts).astype(int) - 1, 0)
    value = np.take_along_axis(ordered, position[..., None], axis=-1)[..., None]  # [..., 1, 1]
    return np.where(hidden, value, gain).astype(gain.dtype)


def _check(gain: np.ndarray, hidden: np.ndarray) -> None:
    if hidden.dtype != bool or hidden.shape != gain.shape:
        raise ValueError(
            f"imputation: hidden must be bool of gain's shape {gain.shape}, got {hidden.dtype} {hidden.shape}"
        )
    if np.diagonal(hidden, axis1=-2, axis2=-1).any():
        raise ValueError(
            "imputation: a link's own gain (the diagonal) cannot be hidden; no baseline exists for it"
        )
