"""Simulator and solvers, side by side with plain NumPy and with the arithmetic limit, in one run.

    python -m benchmarks.classical            # one table, about a minute

Every row is the median of several repetitions. The limit of a solver is its multiply-adds (two products with the
K x K gains per iteration and start) over the matrix-multiply peak measured in the same run; the limit of the
simulator is the time NumPy needs for the random numbers of the K x K gains alone.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from benchmarks import plain
from components.channel.rng import stream
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.goals import ProportionalFair, QoS
from gfm_ra.solvers import fplinq, greedy, wmmse

ITERATIONS, STARTS = 100, 100
REPEATS = 7
SECONDS_PER_REPEAT = 0.3


@dataclass(frozen=True)
class Row:
    """One line of the table: snapshots per second."""

    name: str
    one_thread: float
    all_cores: float | None
    plain_numpy: float | None
    limit: float | None

    def text(self) -> str:
        """The line in Markdown."""
        ratio = f"{self.one_thread / self.plain_numpy:.1f}x" if self.plain_numpy else ""
        share = f"{self.one_thread / self.limit:.0%}" if self.limit else ""
        numbers = [self.one_thread, self.all_cores, self.plain_numpy, self.limit]
        cells = [f"{number:,.0f}" if number else "" for number in numbers]
        return "| " + " | ".join([self.name, *cells, ratio, share]) + " |"


def rate(work: Callable[[], object], snapshots: int) -> float:
    """Snapshots per second: median over repetitions, each long enough for the clock."""
    work()
    begin = time.perf_counter()
    work()
    calls = max(1, int(SECONDS_PER_REPEAT / max(time.perf_counter() - begin, 1e-6)))
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - begin) / calls)
    return snapshots / statistics.median(times)


def matrix_peak(threads: int) -> float:
    """Multiply-adds per second of a 1024 x 1024 float32 product."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.rand(1024, 1024), torch.rand(1024, 1024)
    peak = 1024**3 * rate(lambda: a @ b, 1)
    torch.set_num_threads(before)
    return peak


def solver_rows(peak: float) -> list[Row]:
    """Solvers at K = 50 on the scenario D18."""
    gain = simulate(SCENARIOS["D18"], 128, 1)
    few, one = gain[:16].copy(), gain[0].copy()
    products = 2 * gain.shape[-1] ** 2 * ITERATIONS  # multiply-adds of one start

    def pair(solve: Callable[[int | None], object], count: int) -> tuple[float, float]:
        return rate(lambda: solve(1), count), rate(lambda: solve(None), count)

    best_plain = rate(lambda: plain.wmmse_best(one, STARTS, ITERATIONS, stream(1)), 1)
    rows = [
        Row(
            "WMMSE, batch 1",
            rate(lambda: wmmse(one, threads=1), 1),
            None,
            rate(lambda: plain.wmmse(one[None], ITERATIONS), 1),
            peak / products,
        ),
        Row(
            "WMMSE, batch 128",
            *pair(lambda threads: wmmse(gain, threads=threads), 128),
            rate(lambda: plain.wmmse(gain, ITERATIONS), 128),
            peak / products,
        ),
        Row(
            "WMMSE-Best",
            *pair(lambda threads: wmmse(few, starts=STARTS, threads=threads), 16),
            best_plain,
            peak / (products * STARTS),
        ),
    ]
    for objective in (ProportionalFair(), QoS()):
        speeds = pair(lambda threads, goal=objective: wmmse(few, goal, starts=STARTS, threads=threads), 16)
        rows.append(Row(f"WMMSE-Best, {objective.name}", *speeds, None, peak / (products * STARTS)))
    rows.append(
        Row("FPLinQ, batch 128", *pair(lambda threads: fplinq(gain, threads=threads), 128), None, None)
    )
    rows.append(
        Row("greedy, batch 128", *pair(lambda threads: greedy(gain, threads=threads), 128), None, None)
    )
    return rows


def simulator_row(name: str, count: int = 400) -> Row:
    """The simulator on one scenario; clusters run one process per core, so only one thread is measured."""
    scenario = SCENARIOS[name]
    generator = stream(1)
    buffer = np.empty(1 << 16, dtype=np.float32)

    def numbers() -> None:
        generator.standard_normal(out=buffer, dtype=np.float32)
        generator.standard_exponential(out=buffer, dtype=np.float32)

    label = (
        f"simulate {name}: K = {scenario.links}, {scenario.min_distance_m:g}-{scenario.max_distance_m:g} m"
    )
    return Row(
        label,
        rate(lambda: simulate(scenario, count, 1), count),
        None,
        rate(lambda: plain.simulate(scenario, count, stream(1)), count),
        rate(numbers, buffer.size) / scenario.links**2,
    )


def main() -> None:
    """Print the table."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    peak = matrix_peak(1)
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    print(f"{platform.processor() or platform.machine()}, {cores} cores, {load}, NumPy {np.__version__}")
    print(f"matrix-multiply peak: {2 * peak / 1e9:.0f} GFLOP/s on one thread, ", end="")
    print(f"{2 * matrix_peak(cores) / 1e9:.0f} on all cores")
    print(f"WMMSE: {ITERATIONS} iterations, -Best: {STARTS} starts, K = 50 (D18); snapshots per second\n")
    print("| | one thread | all cores | plain NumPy | limit | against NumPy | of the limit |")
    print("|---|---|---|---|---|---|---|")
    for row in [*solver_rows(peak), simulator_row("D18"), simulator_row("D15"), simulator_row("D16")]:
        print(row.text(), flush=True)


if __name__ == "__main__":
    main()
