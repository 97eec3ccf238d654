"""Networks to choose architectures, efforts and champions by: the training families with other seeds, and three kinds
that are neither trained on nor tested on.

Shapes: N networks, K links; gain_db [N, K, K] float32, row = receiver, column = transmitter.
"""

import numpy as np

from components.channel.rng import stream
from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import FAMILIES, WorldDistribution
from gfm_ra.units import linear_to_db

SEED = 2**41  # runs and their validation have other ones
KINDS = (*FAMILIES, "lattice", "corridor", "heavy-tailed")


def networks(kind: str, count: int, links: int) -> np.ndarray:
    """`count` networks of K links of one of KINDS."""
    if kind in FAMILIES:
        generator = torch_stream(SEED, "worlds", kind, links)
        return WorldDistribution().draw_of(kind, count, links, generator).numpy()
    generator = stream(SEED, "worlds", kind, links)
    if kind == "heavy-tailed":
        # Gains whose logarithms are Laplace distributed, own ones 10 dB stronger in the mean.
        gain_db = generator.laplace(10.0, 8.0, (count, links, links)) + 10.0 * np.eye(links)
        return gain_db.astype(np.float32)
    places = _lattice(generator, count, links) if kind == "lattice" else _corridor(generator, count, links)
    transmitters, receivers = places
    distance = np.linalg.norm(receivers[:, :, None] - transmitters[:, None], axis=-1)
    loss_db = 37.0 + 32.0 * np.log10(np.maximum(distance, 1.0))
    fading = generator.exponential(size=distance.shape)
    return (100.0 - loss_db + linear_to_db(np.maximum(fading, 1e-9))).astype(np.float32)


def _lattice(generator: np.random.Generator, count: int, links: int) -> tuple[np.ndarray, np.ndarray]:
    """Transmitters on a square grid of 60 m, receivers 5 to 40 m away."""
    side = int(np.ceil(np.sqrt(links)))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)[:links] * 60.0
    return _pairs(generator, np.broadcast_to(grid, (count, links, 2)), 5.0, 40.0)


def _corridor(generator: np.random.Generator, count: int, links: int) -> tuple[np.ndarray, np.ndarray]:
    """Transmitters along a corridor of 15 m per link and 4 m width, receivers 2 to 30 m away."""
    places = generator.uniform(size=(count, links, 2)) * np.array([15.0 * links, 4.0])
    return _pairs(generator, places, 2.0, 30.0)


def _pairs(
    generator: np.random.Generator, transmitters: np.ndarray, nearest_m: float, farthest_m: float
) -> tuple[np.ndarray, np.ndarray]:
    distance = generator.uniform(nearest_m, farthest_m, transmitters.shape[:2])
    angle = generator.uniform(0.0, 2.0 * np.pi, transmitters.shape[:2])
    offset = np.stack([np.cos(angle), np.sin(angle)], -1) * distance[..., None]
    return transmitters, transmitters + offset
