"""Where transmitters and receivers stand, with redraws that are bounded and never silent."""

from typing import NamedTuple

import numpy as np
from numba import njit

from components.channel.scenario import Scenario

# Arguments of the compiled functions, never read by them: what they read is frozen into numba's cache.
RECEIVER_REDRAWS = 200
"""Receivers tried around one transmitter before the transmitter itself moves."""
LAYOUT_REDRAWS = 2_000
"""Receivers tried per link over a whole layout before the scenario counts as hopeless."""


class Layout(NamedTuple):
    """Positions in metres, each [count, links, 2]; receiver k belongs to transmitter k."""

    transmitters: np.ndarray
    receivers: np.ndarray


def place(scenario: Scenario, count: int, generator: np.random.Generator) -> Layout:
    """Draw `count` layouts: transmitters uniform in the square, receivers in the annulus around their own.

    A receiver's distance is uniform in radius and its angle uniform; it is redrawn until it lies inside the
    square and nearer to its own transmitter than to any other. After RECEIVER_REDRAWS failures the
    transmitter moves too, and receivers that the move invalidates are drawn again, so no layout is dropped.
    Raises ValueError when a layout cannot be completed within the bound.
    """
    transmitters = np.empty((count, scenario.links, 2))
    receivers = np.empty((count, scenario.links, 2))
    low, high = float(scenario.min_distance_m), float(scenario.max_distance_m)
    bounds = (RECEIVER_REDRAWS, LAYOUT_REDRAWS * scenario.links)
    failed = _place_all(generator, float(scenario.area_m), low, high, bounds, transmitters, receivers)
    if failed >= 0:
        raise ValueError(
            f"scenario {scenario.name!r}: no admissible layout of {scenario.links} links found in "
            f"{LAYOUT_REDRAWS} receiver draws per link; use fewer links, a larger area_m or "
            "a smaller min_distance_m"
        )
    return Layout(transmitters, receivers)


@njit(cache=True, nogil=True)
def _place_all(
    rng: np.random.Generator,
    side: float,
    low: float,
    high: float,
    bounds: tuple[int, int],
    transmitters: np.ndarray,
    receivers: np.ndarray,
) -> int:
    """Fill all layouts; return the index of the first hopeless one, or -1."""
    for index in range(transmitters.shape[0]):
        if not _place_one(rng, side, low, high, bounds, transmitters[index], receivers[index]):
            return index
    return -1


@njit(cache=True, nogil=True)
def _place_one(
    rng: np.random.Generator,
    side: float,
    low: float,
    high: float,
    bounds: tuple[int, int],
    transmitters: np.ndarray,
    receivers: np.ndarray,
) -> bool:
    """Fill one layout within `bounds`: receivers tried around one transmitter, and altogether."""
    links = transmitters.shape[0]
    receiver_redraws, budget = bounds
    for k in range(links):
        transmitters[k, 0] = side * rng.random()
        transmitters[k, 1] = side * rng.random()
    placed = np.zeros(links, dtype=np.bool_)
    remaining = links
    while remaining > 0:
        for k in range(links):
            if placed[k]:
                continue
            tries = 0
            while not placed[k] and tries < receiver_redraws:
                placed[k] = _try_receiver(rng, side, low, high, transmitters, receivers, k)
                tries += 1
            budget -= tries
            if budget < 0:
                return False
            if not placed[k]:
                _move_transmitter(rng, side, transmitters, receivers, placed, k)
        remaining = links - placed.sum()
    return True


@njit(cache=True, nogil=True)
def _try_receiver(
    rng: np.random.Generator,
    side: float,
    low: float,
    high: float,
    transmitters: np.ndarray,
    receivers: np.ndarray,
    k: int,
) -> bool:
    """Draw receiver k once; True if it is admissible."""
    distance = low + (high - low) * rng.random()
    angle = 2.0 * np.pi * rng.random()
    x = transmitters[k, 0] + distance * np.cos(angle)
    y = transmitters[k, 1] + distance * np.sin(angle)
    if x < 0.0 or x > side or y < 0.0 or y > side:
        return False
    receivers[k, 0] = x
    receivers[k, 1] = y
    own = (x - transmitters[k, 0]) ** 2 + (y - transmitters[k, 1]) ** 2
    for j in range(transmitters.shape[0]):
        other = (x - transmitters[j, 0]) ** 2 + (y - transmitters[j, 1]) ** 2
        if j != k and other <= own:
            return False
    return True


@njit(cache=True, nogil=True)
def _move_transmitter(
    rng: np.random.Generator,
    side: float,
    transmitters: np.ndarray,
    receivers: np.ndarray,
    placed: np.ndarray,
    k: int,
) -> None:
    """Draw transmitter k anew and release the receivers that it now stands nearest to."""
    transmitters[k, 0] = side * rng.random()
    transmitters[k, 1] = side * rng.random()
    for j in range(transmitters.shape[0]):
        if j == k or not placed[j]:
            continue
        own = (receivers[j, 0] - transmitters[j, 0]) ** 2 + (receivers[j, 1] - transmitters[j, 1]) ** 2
        new = (receivers[j, 0] - transmitters[k, 0]) ** 2 + (receivers[j, 1] - transmitters[k, 1]) ** 2
        if new <= own:
            placed[j] = False
