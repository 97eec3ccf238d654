"""Quality against time, one network at a time on one core: WMMSE with more and more starts and iterations, and ours.

    python -m benchmarks.front --out front.json --plot front.png          # ten minutes; four worlds, two goals
    GFM_RA_INSTRUCTION_SET=avx2 python -m benchmarks.front --worlds D18   # with other vectors

Ratios are of means over test networks, to the best of 100 WMMSE starts of 100 iterations. A time is the mean over a few
networks of the least of many calls, from Python, with one network of the size as input.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

import gfm_ra
from benchmarks.worlds import report
from benchmarks.worlds.run import GOALS, published
from benchmarks.worlds.table import WORLDS
from components.training.worlds.validation import score
from gfm_ra.core import loader
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.goals import Objective
from gfm_ra.inference.comparison import EFFORTS, Effort
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import fplinq, wmmse
from gfm_ra.units import to_gain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STARTS, ITERATIONS = (1, 10, 100, 1000), (1, 10, 100, 1000, 3000)
REFERENCE = "WMMSE 100 x 100"
TIMED_NETWORKS = 5
SECONDS_PER_TIME, LEAST_CALLS = 0.15, 3
TIE = 1e-4
"""Ratios that differ by less count as equal."""
Method = Callable[[np.ndarray, Objective], np.ndarray]


class Point(NamedTuple):
    """One method in one world under one goal."""

    world: str
    links: int
    goal: str
    method: str
    ours: bool
    ms: float
    ratio: float


def methods(allocator: gfm_ra.Allocator, goal: str) -> dict[str, Method]:
    """What is measured, by name: gain [..., K, K] and goal -> power [..., K]."""
    found: dict[str, Method] = {
        f"WMMSE {starts} x {iterations}": lambda gain, goal, s=starts, i=iterations: wmmse(
            gain, goal, starts=s, iterations=i, threads=1
        )
        for starts in STARTS
        for iterations in ITERATIONS
    }
    if goal == "sum-rate":  # whatever the goal, it maximises the sum rate
        found["FPLinQ"] = lambda gain, goal: fplinq(gain, threads=1)
    for effort in EFFORTS:
        found[f"{allocator.name} {effort}"] = lambda gain, goal, e=effort: (
            allocator.allocate(gain=gain, goal=goal, effort=cast(Effort, e)).power
        )
    return found


def least_s(work: Callable[[], object]) -> float:
    """Seconds of the fastest of many calls."""
    work()
    taken, begin = [], time.perf_counter()
    while len(taken) < LEAST_CALLS or time.perf_counter() - begin < SECONDS_PER_TIME:
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def measure(world: str, goal: str, count: int, allocator: gfm_ra.Allocator) -> list[Point]:
    """All methods in one world under one goal."""
    gain, objective = to_gain(published(WORLDS[world], count)), GOALS[goal]
    means, times = {}, {}
    for name, method in methods(allocator, goal).items():
        power = method(gain, objective).astype(np.float64)
        means[name] = float(score(spectral_efficiency(power, gain), objective).mean())
        single = [np.ascontiguousarray(one) for one in gain[:TIMED_NETWORKS]]
        times[name] = float(np.mean([least_s(lambda o=one, m=method: m(o, objective)) for one in single]))
    return [
        Point(
            world, gain.shape[-1], goal, name, name.startswith(allocator.name), round(times[name] * 1e3, 5),
            round(means[name] / means[REFERENCE], 5),
        )
        for name in means
    ]  # fmt: skip


def on_front(points: Sequence[Point]) -> list[Point]:
    """Those that no other point is at least as good as in less time, fastest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.ms, -point.ratio)):
        if not front or point.ratio > front[-1].ratio + TIE:
            front.append(point)
    return front


def better_than_ours(points: Sequence[Point]) -> list[tuple[Point, float]]:
    """Foreign points on the others' own front that are ahead of ours from the time of our fastest answer up, and by how
    much: a faster one is compared with that answer, others with the best of ours in their time."""
    ours = [point for point in points if point.ours]
    first_ms = min(point.ms for point in ours)
    found = []
    for point in on_front([point for point in points if not point.ours]):
        ahead = point.ratio - max(own.ratio for own in ours if own.ms <= max(point.ms, first_ms))
        if ahead > TIE:
            found.append((point, ahead))
    return found


def told(points: Sequence[Point]) -> list[str]:
    """A case in lines: its front, and where ours is behind."""
    head = points[0]
    lines = [f"{head.world}, K = {head.links}, {head.goal}: the front, fastest first"]
    lines += [f"    {point.ms:10.4f} ms {point.ratio:8.4f}  {point.method}" for point in on_front(points)]
    lines += [
        f"  ours:    {point.ms:10.4f} ms {point.ratio:8.4f}  {point.method}" for point in points if point.ours
    ]
    lines += [
        f"  behind:  {point.ms:10.4f} ms {point.ratio:8.4f}  {point.method}, by {ahead:.4f}"
        for point, ahead in better_than_ours(points)
    ]
    return lines


def processor() -> str:
    """Model of the processor, where the system says so."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def write_plot(path: Path, points: Sequence[Point], where: str) -> None:
    """A panel per world and goal: ratio over time, WMMSE's starts as lines, the front dashed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    worlds, goals = (
        list(dict.fromkeys(column)) for column in zip(*((p.world, p.goal) for p in points), strict=True)
    )
    figure = Figure(figsize=(5.2 * len(goals), 0.8 + 2.7 * len(worlds)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(worlds), len(goals), squeeze=False)
    for row, world in zip(panels, worlds, strict=True):
        for panel, goal in zip(row, goals, strict=True):
            case = [point for point in points if (point.world, point.goal) == (world, goal)]
            _draw(panel, case)
            panel.set_title(f"{world}, K = {case[0].links}, {goal}", loc="left", fontsize=9)
    figure.supxlabel(f"ms per network, one core: {where}", fontsize=9)
    figure.supylabel("score over WMMSE-Best of the goal", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
    figure.savefig(path, format="png", dpi=130)


def _draw(panel: "Axes", case: Sequence[Point]) -> None:
    for starts in STARTS:
        line = [point for point in case if point.method.startswith(f"WMMSE {starts} x")]
        title = f"WMMSE, {starts:,} start{'s' if starts > 1 else ''}"
        panel.plot([p.ms for p in line], [p.ratio for p in line], ".-", lw=1.0, ms=5, label=title)
    for title, kept, marker in (
        ("FPLinQ", [p for p in case if p.method == "FPLinQ"], "kx"),
        ("ours: fast, balanced, best", [p for p in case if p.ours], "r*-"),
    ):
        if kept:
            panel.plot([p.ms for p in kept], [p.ratio for p in kept], marker, lw=1.2, ms=8, label=title)
    front = on_front(case)
    panel.step([p.ms for p in front], [p.ratio for p in front], "k--", where="post", lw=0.7, label="front")
    panel.set_xscale("log")
    panel.set_ylim(bottom=max(panel.get_ylim()[0], 0.8))
    panel.grid(color="0.92", lw=0.6)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print each case as it comes."""
    words = argparse.ArgumentParser(
        "python -m benchmarks.front",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("--worlds", nargs="+", default=["D16", "D18", "rayleigh-50", "uma-uplink-7x4"])
    words.add_argument("--goals", nargs="+", choices=list(GOALS), default=["sum-rate", "proportional-fair"])
    words.add_argument("--count", type=int, default=100, help="networks whose scores are averaged")
    words.add_argument("--weights", metavar="NAME|FOLDER", help="default: the package's newest")
    words.add_argument("--out", type=Path, metavar="JSON")
    words.add_argument("--plot", type=Path, metavar="PNG")
    given = words.parse_args(arguments)
    unknown = [name for name in given.worlds if name not in WORLDS]
    if unknown or given.count < 1:
        raise InputError(
            f"--worlds {' '.join(unknown)}: unknown; there are {', '.join(WORLDS)}"
            if unknown
            else f"--count must be at least 1, got {given.count}"
        )
    for path in filter(None, (given.out, given.plot)):
        report.check_target(path)
    if given.plot is not None:
        report.check_plots()
    allocator, points = gfm_ra.load(given.weights), []
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    where = f"{processor()}, {loader.instruction_set()}"
    print(f"{where}; load {os.getloadavg()[0]:.1f}", flush=True)
    for world in dict.fromkeys(given.worlds):
        for goal in dict.fromkeys(given.goals):
            case = measure(world, goal, given.count, allocator)
            points += case
            print(*told(case), sep="\n", flush=True)
    if given.out is not None:
        about = {
            "processor": processor(),
            "instruction_set": loader.instruction_set(),
            "networks": given.count,
        }
        given.out.write_text(json.dumps(about | {"points": [p._asdict() for p in points]}, indent=1) + "\n")
    if given.plot is not None:
        write_plot(given.plot, points, where)


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.front: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
