"""How long a model's answer takes on this machine."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Latency(NamedTuple):
    """Milliseconds per call, and snapshots per second."""

    # Median processor time of the calling thread: what an idle machine would take with one thread.
    cpu_ms: float
    least_ms: float
    p50_ms: float
    p99_ms: float
    calls: int
    snapshots_per_s: float


def typical_gains(batch: int, links: int) -> np.ndarray:
    """Gains in dB of a size, [B, K, K] float32: wanted signals 30 dB above the others."""
    gain_db = np.random.default_rng(links).normal(5.0, 15.0, (batch, links, links))
    gain_db[:, range(links), range(links)] += 30.0
    return gain_db.astype(np.float32)


def measure(
    call: Callable[[], object], batch: int, seconds: float = 1.0, warm_up: int = 5, least: int = 10
) -> Latency:
    """Call again and again for so many seconds, `least` times at least."""
    for _ in range(warm_up):
        call()
    taken: list[float] = []
    worked: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds or len(taken) < least:
        before, busy = time.perf_counter(), time.thread_time()
        call()
        taken.append(time.perf_counter() - before)
        worked.append(time.thread_time() - busy)
    p50, p99 = np.quantile(taken, [0.5, 0.99])
    return Latency(
        float(np.median(worked)) * 1e3,
        min(taken) * 1e3,
        float(p50) * 1e3,
        float(p99) * 1e3,
        len(taken),
        batch * len(taken) / sum(taken),
    )
