"""Spreading a batch over threads; compiled solvers release the interpreter lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_WORTH_A_THREAD = 20_000_000
"""Multiply-adds below which starting a thread costs more than it saves: about a millisecond's."""
_PARTS_PER_THREAD = 4


def spread(solve: Callable[[int, int], None], count: int, work: int, threads: int | None) -> None:
    """Call `solve(begin, end)` over consecutive parts of `count` snapshots.

    work : multiply-adds of the whole batch. threads : None takes as many as the work is worth, at most the
    process's cores and OMP_NUM_THREADS (which cluster managers set to a task's share).
    Snapshots are independent, so the answer does not depend on the number of threads.
    """
    if threads is None:
        threads = 1 if work < _WORTH_A_THREAD else min(work // _WORTH_A_THREAD, available_threads())
    threads = min(threads, count)
    if threads <= 1:
        solve(0, count)
        return
    parts = min(count, threads * _PARTS_PER_THREAD)
    edges = [count * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(solve, edges[:-1], edges[1:]))


def available_threads() -> int:
    """Cores that this process may use, bounded by OMP_NUM_THREADS where it is set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(limit)) if limit.isdigit() and int(limit) > 0 else cores
