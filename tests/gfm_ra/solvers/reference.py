"""WMMSE as the compiled solvers define it, in float64 NumPy: damping, ramp and choice of the best iterate included.

Amplitudes reach down to 1e-60 by themselves in float64; nothing is stored in two ranges here.
"""

import numpy as np

from gfm_ra.goals import RATE_FLOOR, AlphaFair, ProportionalFair, QoS, SumRate


def slope_of(rates, goal):
    """beta'(R), with the ramp for QoS."""
    if isinstance(goal, QoS):
        width = max(goal.min_rate / 15, RATE_FLOOR)
        return 1 + goal.penalty * np.clip((goal.min_rate - rates) / width + 1, 0, 1)
    if isinstance(goal, AlphaFair) and goal.alpha:
        return (rates + RATE_FLOOR) ** -goal.alpha
    return 1 / (rates + RATE_FLOOR) if isinstance(goal, ProportionalFair) else np.ones_like(rates)


def wmmse(gain, goal, iterations, power):
    """Powers [B, K] of gain [B, K, K] from starting powers [B, K]."""
    gain = gain.astype(np.float64)
    own = np.diagonal(gain, axis1=1, axis2=2)  # [B, K]
    crossing = gain * (1 - np.eye(gain.shape[-1]))
    damped = not isinstance(goal, SumRate)
    v = np.maximum(np.sqrt(power.astype(np.float64)), 1e-60)
    best, reached = power.astype(np.float64), np.full(len(gain), -np.inf)
    step, direction = np.ones_like(v), np.zeros_like(v)
    for iteration in range(iterations + 1):
        heard = np.where(v >= 2.0**-40, v, 0.0)
        interference = np.einsum("bkj,bj->bk", crossing, heard**2) + 1
        signal = own * heard**2
        rates = np.log1p(signal / interference) / np.log(2)
        utility = goal.utility(rates)
        better = utility > reached
        best[better], reached[better] = heard[better] ** 2, utility[better]
        if iteration == iterations:
            break
        slope = slope_of(rates, goal)
        push = slope * signal / (interference * (signal + interference))
        divisor = np.einsum("bjk,bj->bk", crossing, push) + own * push
        with np.errstate(divide="ignore", invalid="ignore"):
            target = np.minimum(1, np.where(own > 0, v * slope * own / (interference * divisor), 0))
        target = np.maximum(target, 1e-60)
        if damped:
            audible = np.where(target >= 2.0**-40, target, 0.0)
            turn = audible - heard
            step = np.where(turn * direction < 0, np.maximum(step / 2, 0.01), np.minimum(step * 1.2, 1))
            direction = turn
            moved = heard + step * turn
            target = np.where(moved > 2.0**-40, moved, target)
        v = target
    return best if damped else np.where(v >= 2.0**-40, v, 0.0) ** 2
