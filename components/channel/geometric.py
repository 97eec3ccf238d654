"""The random geometric networks that the unfolded WMMSE was published with.

Chowdhury et al., IEEE TWC 2021: transmitters uniform in a square of side 2 K, each receiver uniform in a square of side
K / 2 around its own, amplitudes that fall with distance^-2.2, Rayleigh fading, noise of 7e-10 of full power. Lengths
have no unit there. Shapes: N networks, K links.
"""

import numpy as np

from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, linear_to_db

NOISE_DB = linear_to_db(7e-10)
EXPONENT = 4.4  # of power
_LEAST_FADING = 1e-9
"""Least power of a fading channel: a draw of 0 has no decibels."""


def draw_geometric(links: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """gain_db float32 [N, K, K] over noise at full power, row = receiver, column = transmitter."""
    transmitters = generator.uniform(-links, links, (count, links, 2))
    receivers = transmitters + generator.uniform(-links / 4.0, links / 4.0, (count, links, 2))
    offset = receivers[:, :, None] - transmitters[:, None]
    distance = np.hypot(offset[..., 0], offset[..., 1])  # [N, K, K]
    fading = np.maximum(generator.exponential(size=distance.shape), _LEAST_FADING)
    gain_db = linear_to_db(fading) - 10.0 * EXPONENT * np.log10(distance) - NOISE_DB
    return np.clip(gain_db, LEAST_GAIN_DB, LARGEST_GAIN_DB).astype(np.float32)
