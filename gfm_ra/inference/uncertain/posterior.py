"""What gains may be that are not known exactly: the network's estimates with their deviations, and samples of them.

Shapes: B networks, K links, S samples. Gains in dB over noise, row = receiver, column = transmitter.
"""

import ctypes
from functools import cache
from typing import NamedTuple

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.inference.contract import Contract
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import Prompt
from gfm_ra.inference.unrolled import UnrolledNetwork
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
        """Linear gains float32 [S, B, K, K]: every second sample mirrors the one before at the mean."""
        drawing = np.random.Generator(np.random.PCG64([_KEY, seed]))
        shape = (-(-count // 2), *self.mean_db.shape)
        deviates = drawing.standard_normal(shape, dtype=np.float32)
        both = np.stack([deviates, -deviates], axis=1).reshape(-1, *shape[1:])[:count]
        found_db = self.mean_db + self.deviation_db * both
        if self.at_most_db is not None:
            self._keep_below(found_db, drawing)
        return db_to_linear(found_db.clip(LEAST_GAIN_DB, LARGEST_GAIN_DB))

    def _keep_below(self, found_db: np.ndarray, drawing: np.random.Generator) -> None:
        """Draw what lies above its limit again; the rest from the exponential that the tail is close to there."""
        assert self.at_most_db is not None, "where there are limits"
        mean, deviation, limit = (
            np.broadcast_to(part, found_db.shape)
            for part in (self.mean_db, self.deviation_db, self.at_most_db)
        )
        for _ in range(_ROUNDS):
            above = np.nonzero(found_db > limit)
            if not above[0].size:
                return
            found_db[above] = mean[above] + deviation[above] * drawing.standard_normal(
                len(above[0]), dtype=np.float32
            )
        above = np.nonzero(found_db > limit)
        reach = np.maximum(mean[above] - limit[above], 0.0) + deviation[above]
        fall = np.square(deviation[above]) / np.maximum(reach, 1e-6)
        found_db[above] = limit[above] - fall * drawing.standard_exponential(len(above[0]), dtype=np.float32)


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
