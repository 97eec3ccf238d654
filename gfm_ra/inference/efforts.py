"""Efforts of the unrolled network in the core: draws, refinement, classical answers and the choice in one call.

What is computed is that of gfm_ra/inference/comparison.py, which answers for goals written in Python and for other
networks; gfm_ra/core/efforts says how. Candidates are the same to the bit. Rates and merits add up in another order,
both in double precision: of candidates whose merits agree to about 1e-12, either may win. Effort fast ends in
iterations here alone.
"""

import ctypes
from functools import cache
from typing import NamedTuple

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.goal_family import numbers_of
from gfm_ra.goals import Objective
from gfm_ra.inference.comparison import ITERATIONS, REFINEMENT_ITERATIONS, STARTS, Effort, draws_of
from gfm_ra.inference.network import unrolled
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import Prompt
from gfm_ra.solvers import binding
from gfm_ra.solvers.inputs import compiled_form
from gfm_ra.solvers.threads import spread

SOURCES = np.array(["model", "refined", "wmmse", "full-reuse"], dtype=object)
"""Where an answer comes from, as gfm_ra/core/efforts/effort.hpp numbers it."""


class _Task(ctypes.Structure):
    """The struct EffortTask of the core; the arrays must outlive it."""

    _fields_ = (
        ("network", ctypes.POINTER(unrolled.NetworkTask)),
        ("classical", ctypes.POINTER(binding.Task)),
        ("exact", ctypes.c_void_p),
        *((name, ctypes.c_double) for name in ("alpha", "min_rate", "penalty")),
        *((name, ctypes.c_void_p) for name in ("power", "rate", "source", "refused")),
        ("refinements", ctypes.c_int64),
        ("compares", ctypes.c_int64),
    )


class Answers(NamedTuple):
    """Answers to B networks of K links."""

    power: np.ndarray  # float32 [B, K]
    rate: np.ndarray  # float64 [B, K], bit/s/Hz
    source: np.ndarray  # int32 [B], indices of SOURCES
    refused: np.ndarray  # int32 [B]: whether the network's first draw was no answer


def answers(
    network: unrolled.UnrolledNetwork,
    gain: np.ndarray,
    goal: Objective,
    prompt: Prompt,
    effort: Effort,
    compares: bool,
    seed: int,
    first_index: int,
    threads: int | None,
) -> Answers:
    """Answers to networks gain [B, K, K], linear, all known, under a goal of the family; `first_index` keys starts.

    compares : whether effort fast compares too, as effort balanced does.
    Raises ValueError for gains or goals that the solvers do not take, MemoryError if the core gets no memory.
    """
    count, links, _ = gain.shape
    exact = None
    if gain.dtype != np.float32:
        exact, gain = np.ascontiguousarray(gain, dtype=np.float64), gain.astype(np.float32)
    gain = np.ascontiguousarray(gain)
    form = compiled_form(goal, count, links, "allocate")
    least: Effort = "balanced" if effort == "fast" else effort
    draws = draws_of(effort, links)
    drawn = np.empty((count, draws, links), dtype=np.float32)
    room, found = (
        np.empty((count, links), dtype=np.float32),
        Answers(
            np.empty((count, links), dtype=np.float32),
            np.empty((count, links), dtype=np.float64),
            np.empty(count, dtype=np.int32),
            np.empty(count, dtype=np.int32),
        ),
    )
    passes = network.task(gain, prompt, noise(seed, draws, links), drawn)
    classical = binding.task(
        gain, form, room, None, STARTS[least], ITERATIONS, first_index % 2**64, seed % 2**63
    )
    numbers = numbers_of(goal)
    assert numbers is not None, "goals of the family have numbers"
    task = _Task(
        ctypes.pointer(passes),
        ctypes.pointer(classical),
        None if exact is None else address(exact),
        *numbers,
        *(address(array) for array in found),
        REFINEMENT_ITERATIONS,
        compares or effort != "fast",
    )
    iterations = draws * REFINEMENT_ITERATIONS + task.compares * STARTS[least] * ITERATIONS
    work = network.work(count, links, draws) + 2 * count * iterations * links * links
    spread(lambda begin, end: _run(task, begin, end), count, work, threads)
    return found


def _run(task: _Task, begin: int, end: int) -> None:
    if _core().gfm_ra_effort(ctypes.byref(task), begin, end) != 0:
        raise MemoryError("the compiled core found no memory for its work arrays: answer fewer links at once")


def _core() -> ctypes.CDLL:
    return _typed(loader.library())


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    core.gfm_ra_effort.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return core
