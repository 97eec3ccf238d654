"""The compiled solvers on bands as Python functions; what they compute is written in gfm_ra/core/bands."""

import ctypes
from functools import cache

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.solvers.bands.inputs import Problem
from gfm_ra.solvers.binding import CompiledGoal
from gfm_ra.solvers.threads import spread


class Task(ctypes.Structure):
    """The struct BandsTask of the core; the arrays must outlive it."""

    _fields_ = (
        *(
            (name, ctypes.c_void_p)
            for name in (
                "gain", "weights", "total", "per_band", "group_total", "group", "sharing", "given", "power", "rate",
            )
        ),
        *(
            (name, ctypes.c_int64)
            for name in ("links", "bands", "groups", "shared", "weight_rows", "given_starts", "starts", "iterations")
        ),
        ("first_index", ctypes.c_uint64),
        ("seed", ctypes.c_uint64),
        ("kind", ctypes.c_int32),
        ("first", ctypes.c_float),
        ("second", ctypes.c_float),
    )  # fmt: skip


def wmmse(
    problem: Problem,
    goal: CompiledGoal,
    given: np.ndarray | None,
    drawn: int,
    iterations: int,
    first_index: int,
    seed: int,
    threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Powers float32 [B, N, F, K] and rates float64 [B, N, K] that each start comes to; given: [B, S, F, K].

    N is S plus `drawn`. Raises MemoryError if the core gets no memory.
    """
    count, bands, links = problem.per_band.shape
    given_starts = 0 if given is None else given.shape[1]
    starts = given_starts + drawn
    power = np.empty((count, starts, bands, links), dtype=np.float32)
    rate = np.empty((count, starts, links))
    kind, first, second, weights = goal
    task = Task(
        *_arrays(problem, weights), None if given is None else address(given), address(power), address(rate),
        links, bands, problem.group_total.shape[1], problem.shared, len(weights), given_starts, starts, iterations,
        first_index % 2**64, seed % 2**63, kind, first, second,
    )  # fmt: skip
    work = 3 * problem.gain.size * starts * (iterations + 2)
    spread(lambda begin, end: _call("gfm_ra_bands_wmmse", task, begin, end), count * starts, work, threads)
    return power, rate


def water_filling(problem: Problem, rounds: int, threads: int | None) -> np.ndarray:
    """Powers float32 [B, F, K] of iterative water-filling. Raises MemoryError as `wmmse`."""
    count, bands, links = problem.per_band.shape
    power = np.empty((count, bands, links), dtype=np.float32)
    task = Task(
        *_arrays(problem, None), None, address(power), None,
        links, bands, problem.group_total.shape[1], problem.shared, 1, 0, 1, rounds,
    )  # fmt: skip
    work = 4 * rounds * (problem.gain.size + 100 * problem.per_band.size)
    spread(lambda begin, end: _call("gfm_ra_bands_water_filling", task, begin, end), count, work, threads)
    return power


def _arrays(problem: Problem, weights: np.ndarray | None) -> tuple[int | None, ...]:
    limits = (problem.total, problem.per_band, problem.group_total, problem.group, problem.sharing)
    return (
        address(problem.gain),
        None if weights is None else address(weights),
        *(address(array) for array in limits),
    )


def _call(name: str, task: Task, begin: int, end: int) -> None:
    if getattr(_typed(loader.library()), name)(ctypes.byref(task), begin, end) != 0:
        raise MemoryError(
            "the compiled solvers found no memory for their work arrays: solve fewer links or bands at once"
        )


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    for solve in (core.gfm_ra_bands_wmmse, core.gfm_ra_bands_water_filling):
        solve.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return core
