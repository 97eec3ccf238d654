"""The compiled solvers against the processor's limit, one instruction set after the other, on one thread.

    python -m benchmarks.solvers            # every instruction set of this processor, a minute each

The limit is the peak of fused multiply-adds, measured by the same object in the same run; times are the minimum of many
calls. Energy is read from RAPL where the system shows it, else it is CPU seconds times a stated power.
"""

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.core import loader
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.solvers import binding, greedy, wmmse

ITERATIONS = 100
SECONDS_PER_ROW = 1.0
CHAINS, ROUNDS = 12, 100_000
WATTS_PER_CORE = 10.0
"""Stated power of one busy core, where nothing can be read."""
ENERGY = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest call."""
    work()
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < SECONDS_PER_ROW:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def peak(core: ctypes.CDLL) -> float:
    """Fused multiply-adds per second of one thread."""
    numbers = (ctypes.c_float * 3)(1.0, 0.5, 0.25)
    width = core.gfm_ra_peak(ctypes.c_int64(1), numbers)
    return width * CHAINS * ROUNDS / fastest(lambda: core.gfm_ra_peak(ctypes.c_int64(ROUNDS), numbers))


def energy_j(work: Callable[[], object], answers: int) -> tuple[float, str]:
    """Joules per answer, and where the number comes from."""
    readable = os.access(ENERGY, os.R_OK)
    calls, begin, cpu = 0, time.perf_counter(), time.process_time()
    before = int(ENERGY.read_text()) if readable else 0
    while time.perf_counter() - begin < SECONDS_PER_ROW:
        work()
        calls += 1
    if readable:
        return (int(ENERGY.read_text()) - before) / 1e6 / calls / answers, "RAPL, the whole processor"
    seconds = time.process_time() - cpu
    return seconds * WATTS_PER_CORE / calls / answers, f"CPU time at {WATTS_PER_CORE:g} W per core"


def rows(limit: float) -> None:
    """Print the table's rows for the instruction set in use."""
    wide, narrow = simulate(SCENARIOS["D18"], 128, 1), simulate(SCENARIOS["D16"], 128, 1)
    large = np.ascontiguousarray(np.tile(wide[:1], (1, 2, 2)))
    cases: list[tuple[str, np.ndarray, Objective, int]] = [
        *((f"best of 100 starts, {goal.name}, K = 50", wide[:1], goal, 100) for goal in
          (SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0))),
        ("best of 100 starts, K = 20", narrow[:1], SumRate(), 100),
        ("best of 100 starts, K = 100", large, SumRate(), 100),
        ("one start, K = 50, batch 1", wide[0], SumRate(), 1),
        ("one start, K = 50, batch 128", wide, SumRate(), 1),
        ("one start, K = 20, batch 128", narrow, SumRate(), 1),
        ("one start, qos, K = 50, batch 128", wide, QoS(), 1),
    ]  # fmt: skip
    for name, gain, goal, starts in cases:
        count = len(gain) if gain.ndim == 3 else 1
        seconds = fastest(lambda g=gain, o=goal, s=starts: wmmse(g, o, s, ITERATIONS, threads=1)) / count
        ideal = 2 * gain.shape[-1] ** 2 * ITERATIONS * starts / limit
        print(f"| {name} | {seconds * 1e6:,.1f} | {ideal / seconds:.2f} |", flush=True)
    seconds = fastest(lambda: greedy(wide, threads=1)) / len(wide)
    print(f"| greedy, K = 50, batch 128 | {seconds * 1e6:,.1f} | |")
    overhead = fastest(lambda: wmmse(wide[0], iterations=0, threads=1))
    joules, source = energy_j(lambda: wmmse(wide, threads=1), len(wide))
    print(
        f"\nA call costs {overhead * 1e6:.0f} us besides the iterations; {joules * 1e3:.3f} mJ per answer ({source})"
    )


def main() -> None:
    """Print a table per instruction set."""
    for name in loader.available():
        core = loader.library_for(name)
        binding._core = lambda core=core: binding._typed(core)
        limit = peak(core)
        print(f"\n{name}: peak {2 * limit / 1e9:.0f} GFLOP/s on one thread, load {os.getloadavg()[0]:.1f}\n")
        print("| 100 iterations | us per snapshot | share of the peak |\n|---|---|---|")
        rows(limit)
        print(f"Peak again: {2 * peak(core) / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
