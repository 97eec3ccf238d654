"""What powers in bands are worth for a goal, and how that changes with each power."""

import math
from typing import Any

import numpy as np

from gfm_ra.energy import energy_goal
from gfm_ra.goal_family import utility_of
from gfm_ra.goals import Objective, Weighted
from gfm_ra.rates import spectral_efficiency


def rates_of(power: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Rates [..., K] in bit/s/Hz, sums over bands, of powers [..., F, K] and gains [..., F, K, K]."""
    return spectral_efficiency(power, gain).sum(-2)


def worth(power: np.ndarray, gain: np.ndarray, goal: Any) -> np.ndarray:  # noqa: ANN401 (whatever has a utility)
    """A number [B] that orders powers [B, F, K] of one network as the goal's utility does; -inf where it is none."""
    rates, total = rates_of(power, gain), power.sum(-2)
    if isinstance(goal, Objective):
        found = np.asarray(goal.at(total).merit(rates), dtype=np.float64)
    else:
        found = np.asarray(utility_of(goal, rates, total), dtype=np.float64)
    return np.where(np.isnan(found), -np.inf, found)


def has_slope(goal: Any) -> bool:  # noqa: ANN401
    """Whether a goal says how its utility changes."""
    return energy_goal(goal) is not None or callable(getattr(goal, "slope", None))


def gradient(power: np.ndarray, gain: np.ndarray, goal: Any) -> np.ndarray:  # noqa: ANN401
    """Derivative of the utility by each power, [B, F, K], up to a positive factor of each network.

    Of R_k = sum over bands of log2(1 + S / I): S the own signal, I noise and interference.
    """
    own = np.diagonal(gain, axis1=-2, axis2=-1)  # [B, F, K]
    crossing = np.where(np.eye(gain.shape[-1], dtype=bool), 0.0, gain)
    signal = own * power
    disturbance = 1.0 + np.matmul(crossing, power[..., None])[..., 0]
    rates = (np.log1p(signal / disturbance) / math.log(2.0)).sum(-2)  # [B, K]
    per_rate, per_power = _slopes(goal, rates, power.sum(-2))
    slope = per_rate[:, None, :] / math.log(2.0)
    gained = slope * own / (disturbance + signal)
    harm = slope * signal / (disturbance * (disturbance + signal))  # per unit of disturbance
    lost = np.matmul(np.swapaxes(crossing, -1, -2), harm[..., None])[..., 0]
    return gained - lost + per_power[:, None, :]


def _slopes(goal: Any, rates: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
    """Derivatives [B, K] by rates at fixed powers, and by powers at fixed rates, the largest of the former 1."""
    energy = energy_goal(goal)
    if energy is not None:
        weights = goal.weights if isinstance(goal, Weighted) else None
        per_rate, per_power = energy.gradients(rates, total, weights)
    else:
        per_rate, per_power = np.asarray(goal.slope(rates), np.float64), np.zeros_like(rates)
    per_rate = np.nan_to_num(per_rate, nan=0.0, posinf=1e150, neginf=0.0)
    largest = np.abs(per_rate).max(-1, keepdims=True)
    unit = np.where(largest > 0, largest, 1.0)
    return per_rate / unit, per_power / unit
