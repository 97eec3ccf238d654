"""Use what rules leave: powers that obey them, improved step by step, never worse than those that are given.

Projected gradient ascent of the true utility, with the repair step as the projection. Shapes: B networks, F bands, K
links.
"""

from typing import Any, NamedTuple

import numpy as np

from gfm_ra.rules.bounds import PowerBounds, interference
from gfm_ra.rules.enforcement import repaired, rounded_down
from gfm_ra.rules.violations import HOLDS, violation
from gfm_ra.rules.worth import gradient, has_slope, worth


class Work(NamedTuple):
    """How much is tried."""

    rounds: int
    """Steps of the ascent from each start; each takes one gradient and one repair."""
    starts: int
    """Starts that the ascent goes on from: the best of those that are compared."""


BALANCED, BEST = Work(40, 1), Work(120, 4)
_SWITCHED_LINKS = 64
"""Links up to which each is switched off in turn for another start."""
_SINGLE_POWERS = 256
"""Powers up to which each is tried alone, under goals without a slope."""
_CLOSE = 0.1
"""Largest difference, as a part of the largest power, up to which two starts count as one."""
_LONGER, _SHORTER = 1.7, 0.4
_FIRST_STEPS = (0.1, 0.1, 0.1, 0.5)
_SHORTEST, _LONGEST = 1e-6, 4.0


def improved(
    power: np.ndarray,
    wanted: np.ndarray,
    bounds: PowerBounds,
    gain: np.ndarray,
    goal: Any,  # noqa: ANN401 (whatever has a utility)
    work: Work = BALANCED,
) -> np.ndarray:
    """Powers [B, F, K] that obey the bounds and are worth at least as much as those given, which obey them too.

    wanted : [B, F, K], what they were before the repair, which suggests further starts: the same with every transmitter
    scaled alike under the caps, the nearest powers under them, one link silent, and full power, each repaired. gain :
    [B, F, K, K], linear, all known. Goals without `slope(rates)` are improved one power at a time.
    """
    exact, gain = power.astype(np.float64), gain.astype(np.float64)
    found, reached = exact, worth(exact, gain, goal)
    for start in _starts(exact, wanted, bounds, gain, goal, work.starts):
        climb = _climbed if has_slope(goal) else _tried
        now, value = climb(start, bounds, gain, goal, work.rounds)
        better = value > reached
        found, reached = np.where(better[:, None, None], now, found), np.where(better, value, reached)
    rounded = rounded_down(found, power.dtype)
    kept = (worth(rounded.astype(np.float64), gain, goal) > worth(exact, gain, goal)) & (
        violation(rounded, bounds) <= HOLDS
    )
    return np.where(kept[:, None, None], rounded, power)


def _starts(
    power: np.ndarray,
    wanted: np.ndarray,
    bounds: PowerBounds,
    gain: np.ndarray,
    goal: Any,  # noqa: ANN401
    count: int,
) -> list[np.ndarray]:
    """The best `count` starts of every network that are not much alike, best first."""
    sound = np.clip(np.nan_to_num(wanted.astype(np.float64), nan=0.0), 0.0, 1.0)
    candidates = [power, repaired(np.ones_like(power), bounds)]
    if bounds.cap.shape[-1]:
        candidates += [repaired(_alike(sound, bounds), bounds), repaired(sound, bounds, nearest=True)]
    links = power.shape[-1]
    if 1 < links <= _SWITCHED_LINKS:
        for link in range(links):
            silent = sound.copy()
            silent[..., link] = 0.0
            candidates.append(repaired(silent, bounds))
    stacked = np.stack(candidates)  # [N, B, F, K]
    value = np.stack([worth(each, gain, goal) for each in candidates])  # [N, B]
    unit = np.where(bounds.high > 0, bounds.high, 1.0)
    chosen: list[np.ndarray] = []
    for _ in range(count):
        chosen.append(stacked[value.argmax(0), np.arange(len(power))])
        distance = (np.abs(stacked - chosen[-1]) / unit).max((-2, -1))
        value = np.where(distance < _CLOSE, -np.inf, value)
    return chosen


def _climbed(
    power: np.ndarray,
    bounds: PowerBounds,
    gain: np.ndarray,
    goal: Any,  # noqa: ANN401
    rounds: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Ascent by turns in the ways of `_asked`, and what it reaches [B].

    Every network has its own step lengths: longer after a step that was better, shorter after one that was not.
    """
    best, reached = power, worth(power, gain, goal)
    steps = np.repeat(np.array(_FIRST_STEPS)[:, None], len(power), axis=1)  # [M, B]
    slope = gradient(best, gain, goal)
    for number in range(rounds):
        kind = number % len(_FIRST_STEPS)
        now = repaired(_asked(kind, best, slope, steps[kind], bounds), bounds, nearest=kind < 2)
        value = worth(now, gain, goal)
        better = value > reached
        steps[kind] = np.clip(steps[kind] * np.where(better, _LONGER, _SHORTER), _SHORTEST, _LONGEST)
        if better.any():
            best, reached = np.where(better[:, None, None], now, best), np.where(better, value, reached)
            slope = gradient(best, gain, goal)
    return best, reached


def _asked(
    kind: int, power: np.ndarray, slope: np.ndarray, step: np.ndarray, bounds: PowerBounds
) -> np.ndarray:
    """Powers one step further: along the gradient, along that by the powers as parts of their largest, the same scaled
    under the caps, or along that by the logarithms of the powers, scaled too.
    """
    length = step[:, None, None]
    if kind == 0:
        return power + length * slope / _largest(slope)
    if kind == 3:
        relative = slope * power
        return _alike(power * np.exp(length * relative / _largest(relative)), bounds)
    parts = slope * bounds.high
    asked = power + length * bounds.high * parts / _largest(parts)
    return asked if kind == 1 else _alike(asked, bounds)


def _alike(power: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """Powers scaled under each cap alike, those that count for it."""
    found = np.clip(power, 0.0, bounds.high)
    left = bounds.cap / (interference(found, bounds) + 1e-300)  # [B, R]
    for number in range(left.shape[-1]):
        part = np.minimum(left[:, number], 1.0)[:, None, None]
        found = np.where(bounds.gain[:, number] > 0, found * part, found)
    return found


def _largest(slope: np.ndarray) -> np.ndarray:
    found = np.abs(slope).max((-2, -1), keepdims=True)
    return np.where(found > 0, found, 1.0)


def _tried(
    power: np.ndarray,
    bounds: PowerBounds,
    gain: np.ndarray,
    goal: Any,  # noqa: ANN401
    rounds: int,
) -> tuple[np.ndarray, np.ndarray]:
    """One power at a time set to 0, to half, to twice and to all, kept where that is better; a tenth of the rounds."""
    best, reached = power, worth(power, gain, goal)
    places = list(np.ndindex(power.shape[1:]))
    if len(places) > _SINGLE_POWERS:
        return best, reached
    for _ in range(max(1, rounds // 10)):
        before = reached
        for band, link in places:
            for factor, added in ((0.0, 0.0), (0.5, 0.0), (2.0, 0.0), (1.0, 1.0)):
                asked = best.copy()
                asked[:, band, link] = factor * asked[:, band, link] + added
                now = repaired(asked, bounds)
                value = worth(now, gain, goal)
                better = value > reached
                best = np.where(better[:, None, None], now, best)
                reached = np.where(better, value, reached)
        if (reached == before).all():
            break
    return best, reached
