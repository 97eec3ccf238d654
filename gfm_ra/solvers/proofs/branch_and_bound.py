"""The compiled branch and bound as a Python function; what it computes is written in gfm_ra/core/exact."""

import ctypes
import time
from enum import IntEnum
from functools import cache
from typing import NamedTuple

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.solvers.threads import spread

MOST_LINKS = 64
"""Larger networks are not searched (gfm_ra/core/exact/box.hpp)."""
_MOST_OPEN = 2**21  # boxes that wait, about 150 bytes each
_PARTS = 32  # boxes that one network is cut into for threads, however many these are


class Shape(IntEnum):
    """What a rate is good for, as gfm_ra/core/exact/benefit.hpp numbers it."""

    LINEAR = 0
    LOGARITHM = 1
    QOS = 2
    POWER = 3


class Aim(NamedTuple):
    """A goal as the search takes it, for B networks of K links.

    Sum over k of w_k beta(R_k) - price_k p_k, or of w_k R_k / (p_k / efficiency + circuit) where circuit is positive.
    """

    shape: Shape
    first: float  # least rate, or alpha
    second: float  # penalty
    weights: np.ndarray  # float64 [B, K]
    price: np.ndarray | None = None  # float64 [B, K]; None: power costs nothing
    circuit: float = 0.0
    efficiency: float = 1.0

    @property
    def full_power(self) -> bool:
        """Whether an optimum has some link at full power: scaling all powers up raises every rate."""
        return self.price is None and self.circuit == 0.0


class Allowance(NamedTuple):
    """What a search may miss, absolute + relative |utility + shift|, and what it may take."""

    relative: float
    absolute: float
    shift: np.ndarray  # float64 [B]
    most_boxes: int = 2**62
    until: float = 0.0  # by `time.monotonic`; 0: without limit


class Found(NamedTuple):
    """What a search ends with."""

    power: np.ndarray  # float64 [B, K]
    lower: np.ndarray  # float64 [B], utility of these powers
    upper: np.ndarray  # float64 [B]; no powers have more
    boxes: np.ndarray  # int64 [B]


class _Task(ctypes.Structure):
    """The struct ExactTask of gfm_ra/core/exact/search.hpp; the arrays must outlive it."""

    _fields_ = (
        *(
            (name, ctypes.c_void_p)
            for name in (
                "gain", "weights", "price", "low", "high", "power", "lower", "upper", "boxes", "parts", "left"
            )
        ),
        *((name, ctypes.c_int64) for name in ("links", "one", "most_parts", "most_boxes", "most_open")),
        *((name, ctypes.c_int32) for name in ("shape", "full_power")),
        *(
            (name, ctypes.c_double)
            for name in ("first", "second", "circuit", "efficiency", "relative", "absolute")
        ),
        ("shift", ctypes.c_void_p),
        ("until", ctypes.c_double),
    )  # fmt: skip


def search(
    gain: np.ndarray,
    aim: Aim,
    start: np.ndarray,
    allowance: Allowance,
    threads: int | None = None,
    cut: bool = True,
) -> Found:
    """Search all powers of networks gain [B, K, K] float64 from powers start [B, K].

    Networks are dealt out to threads. A single one is cut into parts for them, each with the limit of boxes, unless
    `cut` is False: its answer is then the one that it would get among others. Answers do not depend on how many threads
    there are unless time runs out. Raises MemoryError if the core gets none.
    """
    count, links, _ = gain.shape
    low, high = np.zeros((count, links)), np.ones((count, links))
    if count > 1 or not cut:
        return _search(gain, aim, start, low, high, allowance, threads)
    parts = np.empty((_PARTS, 2, links))
    left = np.zeros(1, np.int64)
    first = _search(gain, aim, start, low, high, allowance, 1, parts, left)
    number = int(left[0])
    if number == 0:
        return first
    many = aim._replace(
        weights=np.repeat(aim.weights, number, 0),
        price=None if aim.price is None else np.repeat(aim.price, number, 0),
    )
    starts = np.repeat(first.power, number, 0)
    corners = np.ascontiguousarray(parts[:number, 0]), np.ascontiguousarray(parts[:number, 1])
    rest = _search(
        gain, many, starts, *corners,
        allowance._replace(shift=np.repeat(allowance.shift, number)), threads,
    )  # fmt: skip
    best = int(rest.lower.argmax())
    return Found(
        rest.power[best : best + 1],
        rest.lower[best : best + 1],
        np.maximum(first.upper, rest.upper.max()),
        first.boxes + rest.boxes.sum(),
    )


def _search(
    gain: np.ndarray, aim: Aim, start: np.ndarray, low: np.ndarray, high: np.ndarray, allowance: Allowance,
    threads: int | None, parts: np.ndarray | None = None, left: np.ndarray | None = None,
) -> Found:  # fmt: skip
    """Searches of boxes low, high [N, K], of as many networks or of one."""
    count, links = low.shape
    price = np.zeros((count, links)) if aim.price is None else aim.price
    found = Found(start.copy(), np.empty(count), np.empty(count), np.empty(count, np.int64))
    left = np.empty(count, np.int64) if left is None else left
    arrays = [
        np.ascontiguousarray(array, dtype=np.float64) for array in (gain, aim.weights, price, low, high)
    ]
    shift = np.ascontiguousarray(allowance.shift, dtype=np.float64)
    task = _Task(
        *(address(array) for array in (*arrays, *found)), None if parts is None else address(parts), address(left),
        links, int(len(gain) == 1), 0 if parts is None else len(parts), allowance.most_boxes, _MOST_OPEN,
        aim.shape, aim.full_power, aim.first, aim.second, aim.circuit, aim.efficiency,
        allowance.relative, allowance.absolute, address(shift), allowance.until,
    )  # fmt: skip

    def run(begin: int, end: int) -> None:
        if _core().gfm_ra_exact(ctypes.byref(task), begin, end) != 0:
            raise MemoryError("the search found no memory: set a time limit, or search fewer links")

    # How long a search takes is not known beforehand: any number of them is worth the threads.
    spread(run, count, 2**62, threads)
    return found


def deadline(time_limit_s: float | None) -> float:
    """When a time limit ends, as searches take it."""
    return 0.0 if time_limit_s is None else time.monotonic() + time_limit_s


def _core() -> ctypes.CDLL:
    return _typed(loader.library())


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    core.gfm_ra_exact.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return core
