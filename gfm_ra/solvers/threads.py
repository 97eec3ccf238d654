"""Spreading a batch over threads; the compiled solvers release the interpreter lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gfm_ra.processors import cores

VARIABLES = ("GFM_RA_THREADS", "OMP_NUM_THREADS")
"""Environment variables that bound the number of threads; the first one that is set counts."""
_WORTH_A_THREAD = 20_000_000
"""Multiply-adds below which starting a thread costs more than it saves: about half a millisecond's."""
_PARTS_PER_THREAD = 4


def spread(solve: Callable[[int, int], None], count: int, work: int, threads: int | None) -> None:
    """Call `solve(begin, end)` over consecutive parts of `count` snapshots.

    work : multiply-adds of the whole batch. threads : None takes as many as the work is worth, at most
    `available_threads()`.
    Snapshots are independent, so the answer does not depend on the number of threads.
    """
    if threads is None:
        threads = 1 if work < 2 * _WORTH_A_THREAD else min(work // _WORTH_A_THREAD, available_threads())
    threads = min(threads, count)
    if threads <= 1:
        solve(0, count)
        return
    parts = min(count, threads * _PARTS_PER_THREAD)
    edges = [count * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(solve, edges[:-1], edges[1:]))


def available_threads() -> int:
    """Cores that this process may use, or fewer if the environment variables say so.

    Raises ValueError for a GFM_RA_THREADS that is not a number from 1 on.
    """
    return min([cores(), *_limit_of_environment()])


def _limit_of_environment() -> list[int]:
    for name in VARIABLES:
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            return [int(text)]
        if text and name == VARIABLES[0]:
            raise ValueError(f"{name}={text}: must be a number of threads from 1 on, or unset")
    return []
