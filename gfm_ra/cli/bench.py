"""`gfm-ra bench`: how long an answer takes here."""

import argparse
import time

import numpy as np

from gfm_ra.allocator import EFFORTS
from gfm_ra.cli.tables import table
from gfm_ra.core import loader
from gfm_ra.errors import InputError
from gfm_ra.loading import load

_WARM_UP, _LEAST = 3, 10


def command(chosen: argparse.Namespace) -> int:
    """Print a line for every effort, number of networks and number of links."""
    links, batch = _numbers("--links", chosen.links), _numbers("--batch", chosen.batch)
    efforts = chosen.effort.split(",")
    if wrong := [effort for effort in efforts if effort not in EFFORTS]:
        raise InputError(f"--effort {wrong[0]}: choose from {', '.join(EFFORTS)}")
    if chosen.threads < 1 or not chosen.seconds > 0:
        raise InputError("--threads must be 1 or more, --seconds more than 0")
    allocator = load(chosen.model)
    rows = []
    for effort in efforts:
        for count in batch:
            for size in links:
                gain_db = typical_gains(count, size)
                times = _times(
                    lambda gain_db=gain_db, effort=effort: allocator.allocate(
                        gain_db=gain_db, goal=chosen.goal, effort=effort, threads=chosen.threads
                    ),
                    chosen.seconds,
                )
                p50, p99 = np.quantile(times, [0.5, 0.99])
                rate = count * len(times) / sum(times)
                shown = (f"{min(times) * 1e3:.3f}", f"{p50 * 1e3:.3f}", f"{p99 * 1e3:.3f}", f"{rate:,.0f}")
                rows.append([effort, str(count), str(size), *shown])
    print(f"{allocator.name}, {chosen.goal}, {chosen.threads} threads, {loader.instruction_set()}")  # noqa: T201
    print(table(["effort", "networks", "links", "min ms", "p50 ms", "p99 ms", "networks/s"], rows))  # noqa: T201
    return 0


def typical_gains(batch: int, links: int) -> np.ndarray:
    """Gains in dB of a size, [B, K, K] float32: wanted signals 30 dB above the others."""
    gain_db = np.random.default_rng(links).normal(5.0, 15.0, (batch, links, links))
    gain_db[:, range(links), range(links)] += 30.0
    return gain_db.astype(np.float32)


def _times(call, seconds: float) -> list[float]:  # noqa: ANN001
    for _ in range(_WARM_UP):
        call()
    taken: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds or len(taken) < _LEAST:
        before = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before)
    return taken


def _numbers(flag: str, text: str) -> list[int]:
    words = text.split(",")
    if not all(word.isdigit() and 0 < int(word) < 2**31 for word in words):
        raise InputError(f"{flag} {text}: must be whole numbers from 1 on, separated by commas")
    return [int(word) for word in words]
