"""Random numbers of the solvers' starts in NumPy, the same as in gfm_ra/core/solvers/starts.hpp."""

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def uniform(seed: int, indices: np.ndarray, starts: np.ndarray, links: int) -> np.ndarray:
    """Uniform numbers in (0, 1], float32 [B, S, K], keyed by seed, network, start and link.

    indices : [B], numbers of the networks; starts : [S], numbers of the starts, from 1 on.
    Source: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64).
    """
    key = _mixed(np.array([seed % 2**63], dtype=np.uint64) + _GOLDEN)
    key = _mixed(key + _GOLDEN * _counted(indices))[:, None]  # [B, 1]
    key = _mixed(key + _GOLDEN * _counted(starts))[:, :, None]  # [B, S, 1]
    bits = _mixed(key + _GOLDEN * _counted(np.arange(links))) >> np.uint64(40)
    return (bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24)


def _counted(numbers: np.ndarray) -> np.ndarray:
    return np.asarray(numbers).astype(np.uint64) + np.uint64(1)


def _mixed(state: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser; arrays of uint64 wrap around."""
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))
