"""How long proofs take at home, and whether anything beats a bound: `python -m benchmarks.certified.times`.

Home is scenario D16 with fewer links at the same density. Networks are searched one after the other, each by all cores
that GFM_RA_THREADS allows. Random powers of three kinds are compared with the upper bounds, those of the optimum and
those of `gfm_ra.bounds.upper` for 20 and 50 links.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.certified.reach import GOALS, PROVEN
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.bounds import upper
from gfm_ra.core.loader import instruction_set
from gfm_ra.exact import optimum
from gfm_ra.goals import Objective
from gfm_ra.solvers.proofs.certificate import scale_of, utility_of
from gfm_ra.solvers.weighted_mmse import wmmse

SEED = 2


def home(links: int, count: int) -> np.ndarray:
    """Networks [count, K, K] of D16 with so many links at its own density."""
    base = SCENARIOS["D16"]
    area = base.area_m * float(np.sqrt(links / base.links))
    return simulate(replace(base, links=links, area_m=area), count, SEED).astype(np.float64)


def proofs(links: int, count: int, goal: Objective, limit_s: float) -> dict[str, Any]:
    """Seconds and gaps of networks one by one."""
    seconds, gaps, boxes = [], [], []
    for gain in home(links, count):
        begin = time.perf_counter()
        found = optimum(gain, goal, PROVEN, limit_s)
        seconds.append(time.perf_counter() - begin)
        gaps.append(float(found.gap))
        boxes.append(int(found.boxes))
    done = np.array(gaps) <= PROVEN
    return {
        "proven": float(done.mean()),
        "seconds": [round(float(np.quantile(seconds, part)), 4) for part in (0.5, 0.95, 1.0)],
        "boxes": [int(np.quantile(boxes, part)) for part in (0.5, 0.95, 1.0)],
    }


def beaten(links: int, goal: Objective, powers: int) -> dict[str, Any]:
    """How many of so many random powers, and of WMMSE's, are above an upper bound, and how far it is from the best."""
    gain, rng = home(links, 20), np.random.default_rng(SEED)
    bound = optimum(gain, goal, PROVEN).upper if links <= 6 else upper(gain, goal)
    most, over = np.full(20, -np.inf), 0
    for part in range(max(1, powers // 1000)):
        shape = (1000 // 20, 20, links)
        power = rng.uniform(size=shape) ** (1.0, 4.0, 0.2)[part % 3] * (rng.uniform(size=shape) > 0.3)
        found = utility_of(goal, power, gain)
        over += int((found > bound).sum())
        most = np.maximum(most, found.max(0))
    if goal.name != "energy-efficiency":
        most = np.maximum(most, utility_of(goal, wmmse(gain, goal, starts=100).astype(np.float64), gain))
    over += int((most > bound).sum())
    gap = (bound - most) / scale_of(goal, most, links)
    return {"powers": powers, "above the bound": over, "median gap": round(float(np.median(gap)), 4)}


def main(arguments: Sequence[str] | None = None) -> None:
    """A line for each size and goal."""
    parser = argparse.ArgumentParser("python -m benchmarks.certified.times", description=__doc__)
    add = parser.add_argument
    add("--links", type=int, nargs="+", default=[6, 8])
    add("--networks", type=int, nargs="+", default=[100, 20], help="for each of --links")
    add("--goals", nargs="+", choices=list(GOALS), default=list(GOALS))
    add("--limit", type=float, default=20.0, help="seconds for a network (default: 20)")
    add(
        "--powers",
        type=int,
        default=100_000,
        help="random powers that are compared with bounds (default: 100,000)",
    )
    add("--out", type=Path, metavar="JSON")
    given = parser.parse_args(arguments)
    found: dict[str, Any] = {"instruction_set": instruction_set(), "proofs": {}, "bounds": {}}
    for name in given.goals:
        for links, count in zip(given.links, given.networks, strict=True):
            row = proofs(links, count, GOALS[name], given.limit)
            found["proofs"][f"{name}, K = {links}"] = row
            print(f"{name}, K = {links}: {row}", flush=True)
        for links in (5, 20, 50):
            row = beaten(links, GOALS[name], given.powers)
            found["bounds"][f"{name}, K = {links}"] = row
            print(f"{name}, K = {links}: {row}", flush=True)
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
