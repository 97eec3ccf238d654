"""The compiled solvers on sparse networks as Python functions; what they compute is written in gfm_ra/core/sparse."""

import ctypes
from functools import cache
from typing import NamedTuple

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.gains.far_field import FarField
from gfm_ra.gains.sparse_network import Rows, SparseNetwork
from gfm_ra.solvers import binding
from gfm_ra.solvers.binding import CompiledGoal

_UNIT = np.float32(2.0**-32)  # noise in the kernels' own unit, gfm_ra/core/solvers/links.hpp
_LEAST = np.float32(1e-37)  # smaller gains in that unit count as 0
_PARTS = 16  # cells are padded to whole rounds of these, gfm_ra/core/sparse/rows.hpp


class CompiledRows(ctypes.Structure):
    """The struct Rows of the core; the arrays must outlive it."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("start", "other", "gain"))


class CompiledFar(ctypes.Structure):
    """The struct FarField of the core."""

    _fields_ = (*((name, ctypes.c_void_p) for name in ("gain", "cell", "share")), ("padded", ctypes.c_int64))


class _Task(ctypes.Structure):
    """The struct SparseTask of the core."""

    _fields_ = (
        ("common", binding.Task),
        ("own", ctypes.c_void_p),
        ("by_receiver", CompiledRows),
        ("by_transmitter", CompiledRows),
        ("far", CompiledFar),
        ("given", ctypes.c_int64),
    )


class _Rates(ctypes.Structure):
    """The struct SparseRates of the core."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("own", "gain", "start", "other", "far", "cell", "share")),
        *((name, ctypes.c_int64) for name in ("links", "padded", "is_double")),
    )


class Far(NamedTuple):
    """A far field as the core reads it."""

    gain: np.ndarray  # float32 [K, padded]
    cell: np.ndarray  # int32 [K]
    share: np.ndarray  # float32 [padded]: 1 over the number of a cell's transmitters

    def compiled(self) -> CompiledFar:
        """Where its arrays lie."""
        return CompiledFar(address(self.gain), address(self.cell), address(self.share), self.gain.shape[1])


def padded(far: FarField | None) -> Far:
    """A far field with cells in whole rounds; without cells where there is none."""
    if far is None:
        return Far(np.empty((0, 0), np.float32), np.empty(0, np.int32), np.empty(0, np.float32))
    width = -(-far.cells // _PARTS) * _PARTS
    gain = np.zeros((len(far.gain), width), dtype=np.float32)
    gain[:, : far.cells] = far.gain
    share = np.zeros(width, dtype=np.float32)
    share[: far.cells] = 1.0 / far.transmitters()
    return Far(gain, np.ascontiguousarray(far.cell), share)


class Solver:
    """WMMSE on one sparse network; holds its gains as the core reads them."""

    def __init__(self, network: SparseNetwork) -> None:
        """Copies of the network's gains in the kernels' unit."""
        self.network = network
        self._own = _in_unit(network.own)
        self._sides = [
            rows._replace(gain=_in_unit(rows.gain)) for rows in (network.by_receiver, network.by_transmitter)
        ]
        far = padded(network.far)
        self._far = far._replace(gain=_in_unit(far.gain))
        self._exact = _exact(network, far)
        self._kept = far

    def starts(
        self,
        goal: CompiledGoal,
        begin: int,
        end: int,
        iterations: int,
        first_index: int,
        seed: int,
        tolerance: float = 0.0,
        given: np.ndarray | None = None,
    ) -> np.ndarray:
        """Powers float32 [end - begin, K] that starts `begin` to `end` come to; given: [n, K], the first starts.

        Raises MemoryError if the core gets no memory.
        """
        links = self.network.links
        power = np.empty((end - begin, links), dtype=np.float32)
        kind, first, second, weights = goal
        # The core writes start s to row s.
        where = power.__array_interface__["data"][0] - begin * links * power.itemsize
        common = binding.Task(
            None, address(weights), None if given is None else address(given), where, links, len(weights),
            end, iterations, first_index % 2**64, seed % 2**63, kind, first, second, tolerance,
        )  # fmt: skip
        sides = (compiled_rows(rows) for rows in self._sides)
        task = _Task(
            common, address(self._own), *sides, self._far.compiled(), 0 if given is None else len(given)
        )
        _finish(_core().gfm_ra_sparse_wmmse(ctypes.byref(task), begin, end))
        return power

    def rates(self, power: np.ndarray) -> np.ndarray:
        """Rates float64 [K] in bit/s/Hz of powers float32 [K]. Raises MemoryError as `starts`."""
        power = np.ascontiguousarray(power, dtype=np.float32)
        rate = np.empty(self.network.links)
        _finish(_core().gfm_ra_sparse_rates(ctypes.byref(self._exact), address(power), address(rate)))
        return rate


def compiled_rows(rows: Rows) -> CompiledRows:
    """Where compressed rows lie."""
    return CompiledRows(address(rows.start), address(rows.other), address(rows.gain))


def _in_unit(gain: np.ndarray) -> np.ndarray:
    """Gains float32 in the kernels' unit."""
    scaled = gain.astype(np.float32) * _UNIT
    scaled[scaled <= _LEAST] = 0.0
    return scaled


def _exact(network: SparseNetwork, far: Far) -> _Rates:
    rows = network.by_receiver
    return _Rates(
        *(address(array) for array in (network.own, rows.gain, rows.start, rows.other, *far)),
        network.links,
        far.gain.shape[1],
        network.own.dtype == np.float64,
    )


def _core() -> ctypes.CDLL:
    return _typed(loader.library())


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    core.gfm_ra_sparse_wmmse.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    core.gfm_ra_sparse_rates.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    return core


def _finish(outcome: int) -> None:
    if outcome != 0:
        raise MemoryError(
            "the compiled solvers found no memory for their work arrays: solve fewer links at once"
        )
