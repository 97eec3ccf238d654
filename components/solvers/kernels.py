"""Compiled arithmetic of the solvers."""

import numpy as np
from numba import njit

from components.objectives import RATE_FLOOR
from components.solvers.inputs import LOG, QUALITY, SUM

NEGLIGIBLE = np.float32(1e-15)
"""Amplitudes below this are set to 0: they would decay into denormal numbers, which are slow."""


@njit(cache=True, nogil=True)
def benefit_of(rate: float, kind: int, first: float, second: float) -> float:
    """beta(R) of one link."""
    if kind == SUM:
        return rate
    if kind == LOG:
        return np.log(rate + RATE_FLOOR)
    if kind == QUALITY:
        return rate - second * max(0.0, first - rate)
    return (rate + RATE_FLOOR) ** (1.0 - first) / (1.0 - first)


@njit(cache=True, nogil=True)
def slope_of(rate: float, kind: int, first: float, second: float) -> float:
    """beta'(R) of one link."""
    if kind == SUM:
        return 1.0
    if kind == LOG:
        return 1.0 / (rate + RATE_FLOOR)
    if kind == QUALITY:
        return 1.0 + second if rate < first else 1.0
    return (rate + RATE_FLOOR) ** (-first)


@njit(cache=True, nogil=True)
def iterate(
    gain: np.ndarray,
    weights: np.ndarray,
    kind: int,
    first: float,
    second: float,
    iterations: int,
    tolerance: float,
    amplitude: np.ndarray,
    power: np.ndarray,
) -> float:
    """Run utility-WMMSE on one snapshot from the given amplitudes; the best powers met go to `power`, return
    utility."""
    links = gain.shape[0]
    one = np.float32(1.0)
    squared = amplitude * amplitude
    pull = np.empty(links, dtype=np.float32)  # numerator of the update
    push = np.empty(links, dtype=np.float32)  # u^2 w
    best = -np.inf
    for step in range(iterations + 1):
        utility = 0.0
        for k in range(links):
            interference = one
            for j in range(links):
                if j != k:
                    interference += gain[k, j] * squared[j]
            signal = gain[k, k] * squared[k]
            sinr = signal / interference
            rate = np.log1p(np.float64(sinr)) / np.log(2.0)
            utility += weights[k] * benefit_of(rate, kind, first, second)
            slope = np.float32(weights[k] * slope_of(rate, kind, first, second))
            push[k] = slope * (sinr / (signal + interference))
            pull[k] = slope * (gain[k, k] * amplitude[k] / interference)
        if utility > best:
            best = utility
            power[:] = squared
        if step == iterations:
            break
        change = np.float32(0.0)
        for k in range(links):
            total = np.float32(1e-30)
            for j in range(links):
                total += gain[j, k] * push[j]
            value = min(one, pull[k] / total)
            value = value if value > NEGLIGIBLE else np.float32(0.0)
            squared[k] = value * value
            change = max(change, abs(value - amplitude[k]))
            amplitude[k] = value
        if change < tolerance:
            iterations = step + 1
    return best


@njit(cache=True, nogil=True)
def solve_batch(
    gain: np.ndarray,
    weights: np.ndarray,
    kind: int,
    first: float,
    second: float,
    starts: int,
    iterations: int,
    tolerance: float,
    initial: np.ndarray,
    seed: int,
    first_index: int,
    out: np.ndarray,
) -> None:
    """Best of several starts for every snapshot."""
    count, links, _ = gain.shape
    amplitude = np.empty(links, dtype=np.float32)
    power = np.empty(links, dtype=np.float32)
    for index in range(count):
        row = weights[index if weights.shape[0] > 1 else 0]
        best = -np.inf
        for start in range(starts):
            for k in range(links):
                if start > 0:
                    amplitude[k] = np.sqrt(uniform(seed, first_index + index, start, k))
                elif initial.shape[0] > 0:
                    amplitude[k] = np.sqrt(initial[index, k])
                else:
                    amplitude[k] = 1.0
            utility = iterate(gain[index], row, kind, first, second, iterations, tolerance, amplitude, power)
            if utility > best:
                best = utility
                out[index] = power


@njit(cache=True, nogil=True)
def uniform(seed: int, index: int, start: int, link: int) -> float:
    """Uniform number in (0, 1) keyed by its arguments (SplitMix64's finaliser over a counter)."""
    state = np.uint64(seed)
    for part in (index, start, link):
        state = (state + np.uint64(part) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return (np.float64(state >> np.uint64(11)) + 0.5) / 9007199254740992.0
