"""Passes of the unrolled network over a sparse network; gfm_ra/core/sparse/channel.hpp says what they read."""

import ctypes
from functools import cache

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.inference.network.network_task import NetworkTask
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.prompts import Prompt
from gfm_ra.solvers.sparse_binding import CompiledFar, CompiledRows, compiled_rows, padded
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

_LEAST, _LARGEST = (np.float32(db_to_linear(limit)) for limit in (LEAST_GAIN_DB, LARGEST_GAIN_DB))
_MOST_SENT = 64
"""Numbers that a link may send, as gfm_ra/core/sparse/channel.hpp has room for."""


class _Gains(ctypes.Structure):
    """The struct SparseGains of the core; the arrays must outlive it."""

    _fields_ = (
        ("own", ctypes.c_void_p),
        ("by_receiver", CompiledRows),
        ("by_transmitter", CompiledRows),
        ("far", CompiledFar),
    )


class _Task(ctypes.Structure):
    """The struct SparseNetworkTask of the core."""

    _fields_ = (("network", NetworkTask), ("gains", _Gains))


class SparsePass:
    """The network's answers to one sparse network; holds its gains as the core reads them."""

    def __init__(self, model: UnrolledNetwork, network: SparseNetwork) -> None:
        """Gains beyond -100 and 200 dB count as these. Raises ValueError for a model with more values than fit."""
        if model.architecture.sent > _MOST_SENT:
            raise ValueError(
                f"allocate: links of this model send {model.architecture.sent} numbers, on sparse networks at most "
                f"{_MOST_SENT} are possible: use other weights"
            )
        self.model = model
        self._own = _clipped(network.own)
        self._sides = [
            rows._replace(gain=_clipped(rows.gain)) for rows in (network.by_receiver, network.by_transmitter)
        ]
        self._far = padded(network.far)

    def draw(self, prompt: Prompt, noise: np.ndarray, number: int) -> np.ndarray:
        """Powers float32 [K] of draw `number` of noise [D, K, 2]; not checked.

        Raises MemoryError if the core gets no memory.
        """
        power = np.empty((1, 1, len(self._own)), dtype=np.float32)
        task = self.model.task(None, prompt, noise[number : number + 1], power)
        if number > 0:
            task.first_noise = 1.0  # the factor is of the first draw alone
        gains = _Gains(
            address(self._own), *(compiled_rows(rows) for rows in self._sides), self._far.compiled()
        )
        whole = _Task(task, gains)
        if _typed(loader.library()).gfm_ra_sparse_network(ctypes.byref(whole)) != 0:
            raise MemoryError(
                "the compiled network found no memory for its work arrays: answer fewer links at once"
            )
        return power[0, 0]


def _clipped(gain: np.ndarray) -> np.ndarray:
    return np.clip(gain, _LEAST, _LARGEST).astype(np.float32)


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    core.gfm_ra_sparse_network.argtypes = (ctypes.c_void_p,)
    return core
