"""Spreading a batch over threads; the compiled solvers release the interpreter lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

VARIABLES = ("GFM_RA_THREADS", "OMP_NUM_THREADS")
"""Environment variables that bound the number of threads; the first one that is set counts."""
_CONTROL_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
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
    """Cores that this process may use: its affinity, its control groups' quota, and the environment variables.

    Raises ValueError for a GFM_RA_THREADS that is not a number from 1 on.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [cores, *_limits_of_quotas(), *_limit_of_environment()]
    return min(limits)


def _limit_of_environment() -> list[int]:
    for name in VARIABLES:
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            return [int(text)]
        if text and name == VARIABLES[0]:
            raise ValueError(f"{name}={text}: must be a number of threads from 1 on, or unset")
    return []


def _limits_of_quotas() -> list[int]:
    """Whole cores' worth of time that this process's control group and those above it grant, where they set one."""
    limits = []
    for folder in _own_groups():
        text = _read(
            folder / "cpu.max"
        ).split()  # version 2: "quota period", in microseconds, or "max period"
        quota, period = text if len(text) == 2 else (
            _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip(),
        )  # fmt: skip
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            limits.append(max(1, round(int(quota) / int(period))))
    return limits


def _own_groups() -> list[Path]:
    """Folders of this process's control groups and of all above them; inside a container the root's alone."""
    folders = {_CONTROL_GROUPS, _CONTROL_GROUPS / "cpu"}
    for line in _read(_OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = _CONTROL_GROUPS / "cpu" if controllers else _CONTROL_GROUPS
        own = top / path.lstrip("/")
        folders |= {own, *(parent for parent in own.parents if top in parent.parents)}
    return sorted(folders)


def _read(path: Path) -> str:
    """A small file's text, or nothing where there is none: not every system has control groups."""
    try:
        return path.read_text()
    except OSError:
        return ""
