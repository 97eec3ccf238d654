"""The compiled solvers as Python functions; what they compute is written in gfm_ra/core/solvers."""

import ctypes
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address


class Kind(IntEnum):
    """Goals, as gfm_ra/core/solvers/goals.hpp numbers them."""

    SUM_RATE = 0
    PROPORTIONAL_FAIR = 1
    QOS = 2
    ALPHA_FAIR = 3


class CompiledGoal(NamedTuple):
    """A goal as the core takes it."""

    kind: Kind
    first: float  # minimum rate, or alpha
    second: float  # penalty
    weights: np.ndarray  # float32 [B, K], or [1, K] for all snapshots


class Task(ctypes.Structure):
    """The struct of the same name in gfm_ra/core/solvers/wmmse.hpp; the arrays must outlive it."""

    _fields_ = (
        ("gain", ctypes.c_void_p),
        ("weights", ctypes.c_void_p),
        ("initial", ctypes.c_void_p),
        ("power", ctypes.c_void_p),
        ("links", ctypes.c_int64),
        ("weight_rows", ctypes.c_int64),
        ("starts", ctypes.c_int64),
        ("iterations", ctypes.c_int64),
        ("first_index", ctypes.c_uint64),
        ("seed", ctypes.c_uint64),
        ("kind", ctypes.c_int32),
        ("first", ctypes.c_float),
        ("second", ctypes.c_float),
        ("tolerance", ctypes.c_float),
    )


def task(
    gain: np.ndarray,
    goal: CompiledGoal,
    power: np.ndarray,
    initial: np.ndarray | None = None,
    starts: int = 1,
    iterations: int = 0,
    first_index: int = 0,
    seed: int = 0,
    tolerance: float = 0.0,
) -> Task:
    """What is to be solved: gain [B, K, K], power [B, K] for the answer, initial [B, K]; float32, contiguous."""
    given = None if initial is None else address(initial)
    kind, first, second, weights = goal
    return Task(
        address(gain), address(weights), given, address(power), gain.shape[-1], weights.shape[0],
        starts, iterations, first_index, seed, kind, first, second, tolerance,
    )  # fmt: skip


def wmmse(problem: Task, begin: int, end: int) -> None:
    """Solve snapshots `begin` to `end` by WMMSE. Raises MemoryError if the core gets none."""
    _finish(_core().gfm_ra_wmmse(ctypes.byref(problem), begin, end))


def greedy(problem: Task, begin: int, end: int) -> None:
    """Schedule snapshots `begin` to `end` greedily. Raises MemoryError if the core gets none."""
    _finish(_core().gfm_ra_greedy(ctypes.byref(problem), begin, end))


def all_within(values: np.ndarray, largest: float) -> bool:
    """Whether all values, float32 and contiguous, lie in [0, largest]; NaN does not."""
    return bool(_core().gfm_ra_all_within(address(values), values.size, largest))


def _core() -> ctypes.CDLL:
    return _typed(loader.library())


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    core.gfm_ra_all_within.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_float)
    for solve in (core.gfm_ra_wmmse, core.gfm_ra_greedy):
        solve.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return core


def _finish(outcome: int) -> None:
    if outcome != 0:
        raise MemoryError(
            "the compiled solvers found no memory for their work arrays: solve fewer links at once"
        )
