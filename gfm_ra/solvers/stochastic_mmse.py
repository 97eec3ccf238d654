"""WMMSE for gains that are known by samples: powers with the largest mean utility over all of them."""

from operator import index

import numpy as np

from gfm_ra.goals import Objective, SumRate, Weighted

_DAMPING = 0.5
"""Part of a step that is taken unless the goal is linear in the rates, as in `wmmse`."""
_STEEPEST = 1e30


def stochastic_wmmse(
    samples: np.ndarray,
    objective: Objective | None = None,
    iterations: int = 100,
    initial_power: np.ndarray | None = None,
) -> np.ndarray:
    """The best powers that weighted MMSE meets on its way to the largest mean utility over samples of the gains.

    Every sample has receivers and weights of its own, all share the powers: an iteration sets the amplitudes to the
    ratio of the samples' sums.

    samples : [S, ..., K, K], linear, S equally likely states of the same networks; objective : of the family with a
    slope, sum rate unless given; initial_power : [..., K], full power unless given.
    Returns float32 [..., K] in [0, 1].
    Raises ValueError for gains, powers or counts that do not fit.
    Source: Razaviyayn, Sanjabi and Luo, A stochastic successive minimization method for nonsmooth nonconvex
    optimization, Math. Program. 2016 (stochastic WMMSE); here with the sample average as its objective.
    """
    gain = np.asarray(samples, dtype=np.float64)
    if gain.ndim < 3 or gain.shape[-1] != gain.shape[-2] or 0 in gain.shape:
        raise ValueError(f"stochastic_wmmse: samples must be [S, ..., K, K], got {list(np.shape(samples))}")
    if not np.isfinite(gain).all() or (gain < 0).any():
        raise ValueError("stochastic_wmmse: gains must be finite and not negative")
    if index(iterations) < 0:
        raise ValueError(f"stochastic_wmmse: iterations must be 0 or more, got {iterations}")
    goal = objective or SumRate()
    power = _initial(initial_power, gain.shape[1:-1])
    own = np.diagonal(gain, axis1=-2, axis2=-1)  # [S, ..., K]
    plain = goal.objective if isinstance(goal, Weighted) else goal
    step = 1.0 if isinstance(plain, SumRate) else _DAMPING
    best, most = power, _mean_utility(_rates(gain, own, power), goal)
    for _ in range(iterations):
        amplitude = _step(gain, own, power, goal)
        power = np.square(step * amplitude + (1.0 - step) * np.sqrt(power))
        found = _mean_utility(_rates(gain, own, power), goal)
        better = found > most
        best, most = np.where(better[..., None], power, best), np.where(better, found, most)
    return best.astype(np.float32)


def _step(gain: np.ndarray, own: np.ndarray, power: np.ndarray, goal: Objective) -> np.ndarray:
    """Amplitudes [..., K] of the next powers."""
    total = _received(gain, power) + 1.0
    signal = own * power
    heard = np.maximum(total - signal, 1.0)  # interference and noise: rounding may leave less than the noise
    rates = np.log2(1.0 + signal / heard)
    slope = np.nan_to_num(np.asarray(goal.slope(rates), np.float64), nan=0.0, posinf=_STEEPEST).clip(0)
    # Receivers u = sqrt(own p) / total and weights w = total / interference, in units of the sample's steepest slope.
    worth = slope / max(float(slope.max()), 1e-300) * (total / heard)
    amplitude = np.sqrt(power)
    gained = (worth * own * amplitude / total).sum(0)
    harmed = worth * own * power / np.square(total)  # w u^2
    lost = np.matmul(gain.swapaxes(-1, -2), harmed[..., None])[..., 0].sum(0)
    return np.clip(gained / np.maximum(lost, 1e-300), 0.0, 1.0)


def _rates(gain: np.ndarray, own: np.ndarray, power: np.ndarray) -> np.ndarray:
    signal = own * power
    return np.log2(1.0 + signal / np.maximum(_received(gain, power) + 1.0 - signal, 1.0))


def _received(gain: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Power that every receiver gets, [S, ..., K]."""
    return np.matmul(gain, np.broadcast_to(power, gain.shape[:-1])[..., None])[..., 0]


def _mean_utility(rates: np.ndarray, goal: Objective) -> np.ndarray:
    return np.asarray(goal.utility(rates)).mean(0)


def _initial(given: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    if given is None:
        return np.ones(shape)
    power = np.asarray(given, dtype=np.float64)
    if power.shape != shape or not np.isfinite(power).all() or (power < 0).any() or (power > 1).any():
        raise ValueError(f"stochastic_wmmse: initial_power must be [..., K] = {list(shape)} in [0, 1]")
    return power
