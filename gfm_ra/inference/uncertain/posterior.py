"""What gains may be that are not known exactly: the network's estimates with their deviations, and samples of them.

Shapes: B networks, K links, S samples. Gains in dB over noise, row = receiver, column = transmitter.
"""

import ctypes
from functools import cache
from typing import NamedTuple

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.inference.network.contract import Contract
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import Prompt
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

_ROUNDS = 6
"""Times that a sample above its limit is drawn again before it is drawn from the tail below the limit."""
_KEY = 7001  # of the stream of samples, beside the seed


class Posterior(NamedTuple):
    """Independent normal distributions of the gains in dB, cut off at the limits of unknown ones."""

    mean_db: np.ndarray  # float32 [B, K, K]
    deviation_db: np.ndarray  # float32 [B, K, K], 0 where the gain is known
    at_most_db: np.ndarray | None = None  # [B, K, K], inf where there is no limit

    def samples(self, count: int, seed: int) -> np.ndarray:
        """Linear gains float32 [S, B, K, K]: every second sample mirrors the one before at the mean.

        A network's samples depend on the seed and its own numbers alone, not on its place among others.
        """
        links = self.mean_db.shape[-1]
        deviates = _deviates(seed, 0, -(-count // 2), links)
        both = np.stack([deviates, -deviates], axis=1).reshape(-1, links, links)[:count]
        found_db = self.mean_db + self.deviation_db * both[:, None]
        if self.at_most_db is not None:
            found_db = self._below(found_db, self.at_most_db, seed)
        return db_to_linear(found_db.clip(LEAST_GAIN_DB, LARGEST_GAIN_DB))

    def _below(self, found_db: np.ndarray, at_most_db: np.ndarray, seed: int) -> np.ndarray:
        """Samples [S, B, K, K] below their limits: what lies above is drawn again; what still does, from the
        exponential that the tail below the limit is close to there."""
        count, links = len(found_db), found_db.shape[-1]
        for number in range(1, _ROUNDS + 1):
            above = found_db > at_most_db
            if not above.any():
                return found_db
            again_db = self.mean_db + self.deviation_db * _deviates(seed, number, count, links)[:, None]
            found_db = np.where(above, again_db, found_db)
        above = found_db > at_most_db
        limit_db = np.where(np.isfinite(at_most_db), at_most_db, 0.0).astype(np.float32)
        reach = np.maximum(self.mean_db - limit_db, 0.0) + self.deviation_db
        fall = np.square(self.deviation_db) / np.maximum(reach, 1e-6)
        drawing = np.random.Generator(np.random.PCG64([_KEY, seed, _ROUNDS + 1]))
        below_db = limit_db - fall * drawing.standard_exponential((count, 1, links, links), dtype=np.float32)
        return np.where(above, below_db, found_db)


def _deviates(seed: int, number: int, count: int, links: int) -> np.ndarray:
    """Standard normal numbers [count, K, K], the same for every network."""
    drawing = np.random.Generator(np.random.PCG64([_KEY, seed, number]))
    return drawing.standard_normal((count, links, links), dtype=np.float32)


def posterior(network: UnrolledNetwork, gain: np.ndarray, contract: Contract) -> Posterior:
    """What is known of linear gains [B, K, K], NaN where unknown, with their uncertainties and limits.

    Raises MemoryError if the core gets no memory.
    """
    count, links, _ = gain.shape
    gain = np.ascontiguousarray(gain, dtype=np.float32)
    found = np.empty((2, count, links, links), dtype=np.float32)
    prompt = Prompt(np.zeros((count, 3), np.float32), np.ones((1, links), np.float32))
    told = contract._replace(circuit_power=None, each=None)
    task = network.task(gain, prompt, noise(0, 1, links), np.empty((count, 1, links), np.float32), told)
    if _core().gfm_ra_posterior(ctypes.byref(task), address(found[0]), address(found[1]), 0, count) != 0:
        raise MemoryError("the compiled core found no memory for its work arrays: answer fewer links at once")
    return Posterior(found[0], found[1], contract.at_most_db)


def _core() -> ctypes.CDLL:
    return _typed(loader.library())


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    core.gfm_ra_posterior.argtypes = (*[ctypes.c_void_p] * 3, ctypes.c_int64, ctypes.c_int64)
    return core
