"""What an effort costs, in milliseconds and in runs of WMMSE, on one thread.

    python -m benchmarks.efforts                            # every size, about three minutes
    python -m benchmarks.efforts --links 50 --batch 1       # one of them
    GFM_RA_INSTRUCTION_SET=avx2 python -m benchmarks.efforts

The allocator's answers, one WMMSE run and WMMSE-Best take turns in short spells, so that a busy machine slows all of
them; multiples are of the shortest times of the same run. Gains are linear, float32 and contiguous.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

import gfm_ra
from gfm_ra.allocator import Allocator
from gfm_ra.core import loader
from gfm_ra.errors import InputError
from gfm_ra.goals import GoalName, Objective, by_name
from gfm_ra.inference.comparison import EFFORTS, ITERATIONS, STARTS
from gfm_ra.latency import typical_gains
from gfm_ra.solvers import wmmse
from gfm_ra.units import db_to_linear

RUN, BEST = "one WMMSE run", "WMMSE-Best"
LINKS, BATCH = (10, 20, 50, 100), (1, 256)
TURNS = 5
"""How often every method has its spell."""


class Row(NamedTuple):
    """Times of one method for networks of one size."""

    method: str
    batch: int
    links: int
    median_ms: float  # per network, as the other times
    least_ms: float
    runs: float  # shortest time in those of one WMMSE run
    bests: float  # in those of WMMSE-Best

    def text(self) -> str:
        """The line in Markdown."""
        cells = [
            self.method,
            str(self.batch),
            str(self.links),
            f"{self.median_ms:.4f}",
            f"{self.least_ms:.4f}",
        ]
        return "| " + " | ".join([*cells, f"{self.runs:.1f}", f"{self.bests:.2f}"]) + " |"


def rows(allocator: Allocator, goal: Objective, batch: int, links: int, seconds: float) -> Iterator[Row]:
    """A row for every method, each measured for so many seconds."""
    gain = np.ascontiguousarray(db_to_linear(typical_gains(batch, links)), dtype=np.float32)
    methods: dict[str, Callable[[], object]] = {
        RUN: lambda: wmmse(gain, goal, iterations=ITERATIONS, threads=1),
        BEST: lambda: wmmse(gain, goal, STARTS["best"], ITERATIONS, threads=1),
    }
    for effort in EFFORTS:
        methods[effort] = lambda effort=effort: allocator.allocate(
            gain=gain, goal=goal, effort=effort, threads=1
        )
    times = _in_turns(methods, seconds)
    least = {method: min(found) for method, found in times.items()}
    for method, found in times.items():
        median = float(np.median(found))
        yield Row(
            method,
            batch,
            links,
            median * 1e3 / batch,
            least[method] * 1e3 / batch,
            least[method] / least[RUN],
            least[method] / least[BEST],
        )


def _in_turns(methods: dict[str, Callable[[], object]], seconds: float) -> dict[str, list[float]]:
    """Seconds of every call of every method."""
    times: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(TURNS):
        for method, call in methods.items():
            call()  # after another method's spell the caches are its
            begin = time.perf_counter()
            while True:
                start = time.perf_counter()
                call()
                end = time.perf_counter()
                times[method].append(end - start)
                if end - begin >= seconds / TURNS:
                    break
    return times


def processor() -> str:
    """The processor's name, or its kind where the system does not say."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(
    allocator: Allocator, goal: Objective, batches: tuple[int, ...], sizes: tuple[int, ...], seconds: float
) -> Iterator[str]:
    """The lines of the table, with what they were measured on."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    yield f"{processor()}, {loader.instruction_set()}, one thread, {load}; {allocator.name}, {goal.name}\n"
    yield "| method | networks | links | median ms | least ms | WMMSE runs | WMMSE-Best |"
    yield "|---|---|---|---|---|---|---|"
    for batch in batches:
        for links in sizes:
            for row in rows(allocator, goal, batch, links, seconds):
                yield row.text()


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.efforts", description="What an effort costs.")
    parser.add_argument("--model", help="what gfm_ra.load takes (default: the newest weights in the package)")
    parser.add_argument("--goal", choices=get_args(GoalName), default="sum-rate")
    parser.add_argument("--links", type=_counts, default=LINKS, help="links per network, with commas between")
    parser.add_argument("--batch", type=_counts, default=BATCH, help="networks per call, with commas between")
    parser.add_argument("--seconds", type=_positive, default=2.0, help="per method and size")
    chosen = parser.parse_args(words)
    try:
        allocator = gfm_ra.load(chosen.model)
    except InputError as error:
        parser.error(str(error))
    for line in table(allocator, by_name(chosen.goal), chosen.batch, chosen.links, chosen.seconds):
        print(line, flush=True)


def _counts(text: str) -> tuple[int, ...]:
    words = text.split(",")
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise argparse.ArgumentTypeError(f"{text!r}: must be whole numbers from 1 on, separated by commas")
    return tuple(int(word) for word in words)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds above 0")
    return value


if __name__ == "__main__":
    main()
