"""The random numbers of an unrolled network's draws, which everything that runs one shares."""

from functools import lru_cache

import numpy as np

NOISE = 2
"""Random numbers per link and draw, standard normal, by which links that are alike answer differently."""


@lru_cache(maxsize=64)
def noise(seed: int, draws: int, links: int) -> np.ndarray:
    """Noise [draws, K, 2] float32, keyed by seed, draw and link, the same for every network."""
    rows = [np.random.default_rng([seed, draw]).standard_normal((links, NOISE)) for draw in range(draws)]
    found = np.stack(rows).astype(np.float32)
    found.setflags(write=False)
    return found
