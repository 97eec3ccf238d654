"""Downlink power control of a single cell by its users' fairness: the rule that Sionna SYS documents, in NumPy.

A cell's power P is divided among users u with r_u resources and quality q_u (gain over interference and noise) so that
sum_u g_f(r_u ln(1 + p_u q_u)) is largest, under sum_u r_u p_u = P and r_u p_u >= rho P / U. g_f is the fairness of
J. Mo and J. Walrand, "Fair end-to-end window-based congestion control", IEEE/ACM Transactions on Networking 8(5), 2000:
ln at f = 1 (proportional fairness), else x^(1 - f) / (1 - f). Where no bound holds,
(r_u ln(1 + p_u q_u))^f (1 + p_u q_u) = q_u m with one m per cell
(documentation of `sionna.sys.downlink_fair_power_control`, version 2.2).

Shapes: U users; leading dimensions are cells.
"""

import numpy as np

_STEPS = 60
"""Of each bisection: 60 halve an interval below the last bit of a double."""


def fair_powers(
    quality: np.ndarray, resources: np.ndarray, full_w: np.ndarray, guaranteed: float, fairness: float
) -> np.ndarray:
    """Power of every user over all its resources in watts, [..., U].

    Args:
        quality: q_u in 1/W per resource, [..., U], positive.
        resources: r_u, [..., U], positive.
        full_w: P, [...].
        guaranteed: rho in [0, 1].
        fairness: f from 0 on.
    """
    full = np.asarray(full_w)[..., None]
    least, most = guaranteed * full / quality.shape[-1] / resources, full / resources  # per resource
    # Levels ln m at which the first user leaves its bound, and at which every user has all the power.
    low = _level(np.maximum(least, 1e-12 * most), quality, resources, fairness).min(-1, keepdims=True)
    high = _level(most, quality, resources, fairness).max(-1, keepdims=True)
    for _ in range(_STEPS):
        level = 0.5 * (low + high)
        spent = (resources * _powers(level, quality, resources, fairness, least, most)).sum(-1, keepdims=True)
        low, high = np.where(spent < full, level, low), np.where(spent < full, high, level)
    power = resources * _powers(high, quality, resources, fairness, least, most)
    return power * full / power.sum(-1, keepdims=True)


def _level(power: np.ndarray, quality: np.ndarray, resources: np.ndarray, fairness: float) -> np.ndarray:
    """ln m of a user that has so much power per resource."""
    nats = np.log1p(power * quality)
    return fairness * np.log(resources * nats) + nats - np.log(quality)


def _powers(
    level: np.ndarray,
    quality: np.ndarray,
    resources: np.ndarray,
    fairness: float,
    least: np.ndarray,
    most: np.ndarray,
) -> np.ndarray:
    """Powers per resource at a level, within their bounds, [..., U]."""
    if fairness == 0:
        return np.clip(np.exp(level) - 1.0 / quality, least, most)
    low, high = least + np.zeros_like(quality), most + np.zeros_like(quality)
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        below = _level(middle, quality, resources, fairness) < level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)
