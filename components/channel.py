"""Channel simulator: a scenario and a seed in, normalised gains out (section 2 of design.md)."""

from typing import NamedTuple

import numpy as np

from components.layout import Layout, place
from components.pathloss import path_loss
from components.randomness import stream
from components.scenario import Scenario
from components.units import NEPERS_PER_DB

FADING_FLOOR = 2.0**-30
"""Least fading power: the float32 generator can return 0, whose decibels would be minus infinity."""
_CHUNK_ENTRIES = 1 << 18


class Snapshots(NamedTuple):
    """Simulated networks with the terms that their gains are made of."""

    layout: Layout
    distance_m: np.ndarray  # [count, K, K] receiver k to transmitter j
    path_gain_db: np.ndarray  # [count, K, K] minus path loss, without shadowing
    gain: np.ndarray  # [count, K, K] float32, linear, units of noise at full power


def simulate(scenario: Scenario, count: int, seed: int) -> np.ndarray:
    """Draw `count` independent snapshots of a scenario.

    Returns gain, float32 [count, K, K]: row = receiver, column = transmitter, |h|^2 Pmax / sigma^2 (linear).
    The same scenario, count and seed give the same bytes. Raises ValueError for a negative count or a
    hopeless scenario.
    """
    return simulate_with(stream(seed, "channel", scenario.name), scenario, count)


def simulate_with(generator: np.random.Generator, scenario: Scenario, count: int) -> np.ndarray:
    """As `simulate`, from a stream that the caller has keyed (a shard's own, for instance)."""
    return simulate_terms(generator, scenario, count).gain


def simulate_terms(generator: np.random.Generator, scenario: Scenario, count: int) -> Snapshots:
    """As `simulate_with`, with layouts, distances and path gains beside the gains."""
    if count < 0:
        raise ValueError(f"simulate: count must not be negative, got {count}")
    layout = place(scenario, count, generator)
    offset = layout.receivers[:, :, None, :] - layout.transmitters[:, None, :, :]  # [count, K, K, 2]
    distance_m = np.sqrt((offset**2).sum(-1))
    path_gain_db = -path_loss(scenario.path_loss).loss_db(distance_m)
    nepers = NEPERS_PER_DB * (scenario.transmit_snr_db + path_gain_db).astype(np.float32)
    if scenario.shadowing_db > 0.0:
        shadowing = generator.standard_normal(nepers.shape, dtype=np.float32)
        nepers += np.float32(NEPERS_PER_DB * scenario.shadowing_db) * shadowing
    gain = np.exp(nepers)
    if scenario.fading == "rayleigh":
        gain *= np.maximum(
            generator.standard_exponential(gain.shape, dtype=np.float32), np.float32(FADING_FLOOR)
        )
    return Snapshots(layout, distance_m, path_gain_db, gain)
