"""Channel simulator: a scenario and a seed in, normalised gains out."""

import numpy as np
from numba import njit

from components.channel.path_loss import CLAMP_M, path_loss
from components.channel.placement import Layout, place
from components.channel.rng import stream
from components.channel.scenario import Scenario
from gfm_ra.units import NEPERS_PER_DB, db_to_linear

FADING_FLOOR = np.float32(2.0**-30)
"""Least fading power: the float32 generator can return 0, whose decibels would be minus infinity."""
_BLOCK = 1024
"""Snapshots whose layouts are drawn together; part of what a seed means."""
_CACHED_ENTRIES = 1 << 16
"""Gains that are worked on together, so that they stay in the core's own cache between passes; part of what a seed
means as well, because shadowing and fading are drawn in turns, part by part."""


def simulate(scenario: Scenario, count: int, seed: int) -> np.ndarray:
    """Draw `count` independent snapshots of a scenario.

    Returns gain, float32 [count, K, K]: row = receiver, column = transmitter, |h|^2 Pmax / sigma^2 (linear).
    The same scenario, count and seed give the same bytes; the stream is keyed by the scenario's name.
    Raises ValueError for a negative count or a scenario whose layouts cannot be completed.
    """
    return simulate_with(stream(seed, "channel", scenario.name), scenario, count)


def simulate_with(generator: np.random.Generator, scenario: Scenario, count: int) -> np.ndarray:
    """As `simulate`, from a stream that the caller has keyed (a shard's own, for instance)."""
    if count < 1:
        raise ValueError(f"simulate: count must be at least 1, got {count}")
    links = scenario.links
    gain = np.empty((count, links, links), dtype=np.float32)
    step = max(1, _CACHED_ENTRIES // links**2)
    for block in range(0, count, _BLOCK):
        layout = place(scenario, min(_BLOCK, count - block), generator)
        for first in range(0, len(layout.receivers), step):
            part = Layout(*(positions[first : first + step] for positions in layout))
            at = block + first
            _fill(generator, scenario, part, gain[at : at + len(part.receivers)])
    return gain


def _fill(generator: np.random.Generator, scenario: Scenario, layout: Layout, gain: np.ndarray) -> None:
    """Fill gain [count, K, K] of given layouts: path gain, times shadowing, times fading."""
    if scenario.shadowing_db > 0.0:
        generator.standard_normal(out=gain, dtype=np.float32)
        np.multiply(gain, np.float32(NEPERS_PER_DB * scenario.shadowing_db), out=gain)
        np.exp(gain, out=gain)
    else:
        gain.fill(1.0)
    if scenario.fading == "rayleigh":
        fading = generator.standard_exponential(gain.shape, dtype=np.float32)
        np.maximum(fading, FADING_FLOOR, out=fading)
        np.multiply(gain, fading, out=gain)
    slopes = path_loss(scenario.path_loss)
    at_1m = db_to_linear(scenario.transmit_snr_db - slopes.loss_at_1m_db)
    _attenuate(layout.receivers, layout.transmitters, at_1m, slopes.breakpoint_m, CLAMP_M, gain)


@njit(cache=True, nogil=True, error_model="numpy")
def _attenuate(
    receivers: np.ndarray,
    transmitters: np.ndarray,
    at_1m: float,
    breakpoint_m: float,
    clamp_m: float,
    gain: np.ndarray,
) -> None:
    """Multiply gains by the path gain: the two slopes of `path_loss`, without a logarithm.

    Constants of other modules are arguments: numba's cache would keep their old values.
    """
    nearest, knee, scale = np.float32(clamp_m**2), np.float32(breakpoint_m**2), np.float32(at_1m)
    links = gain.shape[1]
    for index in range(gain.shape[0]):
        x, y = transmitters[index, :, 0].copy(), transmitters[index, :, 1].copy()
        for k in range(links):
            own_x, own_y = receivers[index, k, 0], receivers[index, k, 1]
            for j in range(links):
                across, along = np.float32(own_x - x[j]), np.float32(own_y - y[j])
                squared = max(across * across + along * along, nearest)
                gain[index, k, j] *= scale / squared * min(np.float32(1.0), knee / squared)
