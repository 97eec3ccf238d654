"""What a test world is, and its networks.

Shapes: N networks, K links; gains in dB over noise at full power, row = receiver, column = transmitter.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB

SEED = 1
"""Of the published networks."""
TUNING_SEED = 2
"""Of the networks on which parameters of references are chosen."""
PUBLISHED = 200
"""Networks of a world that its digest is of; drawn in one go."""
NOISE_DBM_PER_HZ = -174.0

Draw = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class World:
    """One kind of networks that models are tested on and never trained on."""

    name: str
    family: str
    source: str  # citation of the law
    links: int
    units: str  # bandwidth, noise figure and full power that gains are counted in
    draw: Draw  # count, generator -> gain_db [N, K, K] float64
    shared: Literal["", "receivers", "transmitters"] = ""  # what several links have in common


def networks(world: World, count: int = PUBLISHED, seed: int = SEED) -> np.ndarray:
    """The first `count` networks of a world, gain_db float32 [N, K, K]; those of a smaller count are among them.

    Decibels are rounded to 1e-3: the last bits of logarithms differ between processors, rounded ones do not.
    Raises ValueError for a count below 1.
    """
    if count < 1:
        raise ValueError(f"world {world.name}: count must be at least 1, got {count}")
    return np.concatenate(list(_blocks(world, count, seed)))[:count]


def digest(gain_db: np.ndarray) -> str:
    """SHA-256 of rounded gains in dB: little-endian float32, network by network, row by row."""
    return hashlib.sha256(np.ascontiguousarray(gain_db, "<f4").tobytes()).hexdigest()


def full_power_db(power_dbm: float, bandwidth_hz: float, noise_figure_db: float) -> float:
    """Full power over the noise of a receiver, dB."""
    return power_dbm - NOISE_DBM_PER_HZ - 10.0 * float(np.log10(bandwidth_hz)) - noise_figure_db


def _blocks(world: World, count: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.Generator(np.random.PCG64(seed))
    for _ in range(0, count, PUBLISHED):
        gain_db = np.clip(world.draw(PUBLISHED, generator), LEAST_GAIN_DB, LARGEST_GAIN_DB)
        # Adding 0 makes one zero of two: their bytes differ.
        yield (np.round(gain_db, 3) + 0.0).astype(np.float32)
