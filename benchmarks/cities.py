"""Time, memory and quality of answers to cities of growing size at one density.

    python -m benchmarks.cities                                     # 10 to 10,000 links, some minutes
    python -m benchmarks.cities --links 1000,100000 --efforts balanced --starts 0 --out cities.json

Every size has a process of its own, whose peak memory counts, the drawing of the city included. Quality is the goal's
score over that of WMMSE from one start and of the best of `--starts` on the same sparse network: sum rate, geometric
mean rate, QoS utility from a silent network. Up to `--dense` links the matrix is answered too: its time, and the score
of the sparse answer on the matrix over that of its own answer. The last line is the slope of log time over log links.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import gfm_ra
from benchmarks.efforts import processor
from components.channel.city import City, city_scenario, dense_gain, draw_city, sparse_network
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.goals import Objective, ProportionalFair, QoS, by_name
from gfm_ra.inference.comparison import EFFORTS, Effort
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import sparse

LINKS, EFFORT, GOALS = "10,30,100,300,1000,3000,10000", "balanced", "sum-rate,proportional-fair,qos"
STARTS, DENSE = 10, 2000


class Row(NamedTuple):
    """One size, goal and effort."""

    links: int
    gains: int
    goal: str
    effort: Effort
    seconds: float
    peak_gb: float
    over_one_start: float
    over_best_of_starts: float | None
    dense_seconds: float | None
    over_dense: float | None  # on the true gains

    def text(self) -> str:
        """The line in Markdown."""
        cells = [
            str(self.links),
            str(self.gains),
            self.goal,
            self.effort,
            f"{self.seconds:.3f}",
            f"{self.peak_gb:.2f}",
        ]
        quality = (self.over_one_start, self.over_best_of_starts, self.dense_seconds, self.over_dense)
        return (
            "| "
            + " | ".join([*cells, *("" if value is None else f"{value:.4f}" for value in quality)])
            + " |"
        )


HEAD = (
    "| links | gains | goal | effort | s | peak GB | over 1 start | over best of starts | dense s | over dense |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def score(goal: Objective, rates: np.ndarray) -> float:
    """What answers are compared by: positive, and in proportion to what is delivered."""
    utility = float(goal.utility(rates))
    if isinstance(goal, ProportionalFair):
        return float(np.exp(utility / rates.shape[-1]))
    return utility + rates.shape[-1] * goal.penalty * goal.min_rate if isinstance(goal, QoS) else utility


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came."""
    begin = time.perf_counter()
    found = run()
    return time.perf_counter() - begin, found


def rows_of(
    links: int, goals: Sequence[str], efforts: Sequence[Effort], starts: int, dense: int
) -> list[Row]:
    """All rows of one size."""
    city = draw_city(city_scenario(links), 1)
    network, allocator = sparse_network(city), gfm_ra.load()
    allocator.allocate(sparse_network(draw_city(city_scenario(10), 1)))  # loads the weights
    found: list[Row] = []
    for name in goals:
        goal = by_name(name)
        one = score(goal, network.rates(sparse.wmmse(network, goal)))
        many = score(goal, network.rates(sparse.wmmse(network, goal, starts=starts))) if starts else None
        for effort in efforts:
            seconds, answer = timed(
                lambda goal=goal, effort=effort: allocator.allocate(network, goal=goal, effort=effort)
            )
            own = score(goal, answer.rate)
            peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
            matrix = _dense(allocator, city, goal, effort, answer.power) if links <= dense else (None, None)
            over = None if many is None else own / many
            found.append(Row(links, network.edges, name, effort, seconds, peak_gb, own / one, over, *matrix))
    return found


def _dense(
    allocator: gfm_ra.Allocator, city: City, goal: Objective, effort: Effort, power: np.ndarray
) -> tuple[float, float]:
    """Seconds of the matrix's answer, and the score of sparse powers on the matrix over its own."""
    gain = dense_gain(city)
    seconds, answer = timed(lambda: allocator.allocate(gain=gain, goal=goal, effort=effort))
    rates = spectral_efficiency(power.astype(np.float64), gain.astype(np.float64))
    return seconds, score(goal, rates) / score(goal, answer.rate)


def slope(rows: Sequence[Row]) -> float:
    """Slope of log time over log links, least squares."""
    links, seconds = (np.log([getattr(row, name) for row in rows]) for name in ("links", "seconds"))
    return float(np.polyfit(links, seconds, 1)[0])


def main(words: Sequence[str] | None = None) -> None:
    """Print the table; write it where --out says."""
    chosen = _parser().parse_args(words)
    sizes = _numbers(chosen.links)
    goals, efforts = chosen.goals.split(","), chosen.efforts.split(",")
    for effort in efforts:
        if effort not in EFFORTS:
            raise InputError(f"--efforts {effort}: choose of {', '.join(EFFORTS)}")
    print(f"{processor()}; seconds of one answer\n\n{HEAD}")
    rows: list[Row] = []
    for links in sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            for row in pool.submit(rows_of, links, goals, efforts, chosen.starts, chosen.dense).result():
                print(row.text(), flush=True)
                rows.append(row)
    slopes = {}
    for goal in goals if len(sizes) > 1 else ():
        for effort in efforts:
            alike = [row for row in rows if (row.goal, row.effort) == (goal, effort)]
            slopes[f"{goal}, {effort}"] = slope(alike)
    if slopes:
        said = "; ".join(f"{name} {value:.2f}" for name, value in slopes.items())
        print(f"\nslope of log time over log links: {said}")
    if chosen.out:
        told = {"processor": processor(), "starts": chosen.starts, "slopes": slopes}
        Path(chosen.out).write_text(
            json.dumps(told | {"rows": [row._asdict() for row in rows]}, indent=1) + "\n"
        )


def _numbers(text: str) -> list[int]:
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise InputError(f"--links {text}: give whole numbers from 1 on, with commas between")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cities", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--links", default=LINKS, help=f"sizes (default: {LINKS})")
    parser.add_argument("--goals", default=GOALS, help=f"default: {GOALS}")
    parser.add_argument("--efforts", default=EFFORT, help=f"default: {EFFORT}")
    parser.add_argument("--starts", type=int, default=STARTS, help=f"of WMMSE; 0: none (default: {STARTS})")
    parser.add_argument(
        "--dense", type=int, default=DENSE, help=f"links of the largest matrix (default: {DENSE})"
    )
    parser.add_argument("--out", metavar="JSON", help="also write the table here")
    return parser


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError) as error:
        sys.exit(f"cities: {one_line(error)}")
