"""`python -m benchmarks.bands.violations`: whether answers to random networks break a limit by more than 1e-6 of it.

Networks have up to 10 links and 4 bands, limits of links and bands, budgets of groups and orthogonal sharing at random;
in half of them some gains are unknown. Exit code 1 if any limit is broken.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import gfm_ra
from gfm_ra.inference.comparison import EFFORTS
from gfm_ra.network import Network

_BATCH = 500
_GOALS = ("sum-rate", "proportional-fair", "alpha-fair", "qos")
_WORST = 1e-6


def network(generator: np.random.Generator, count: int) -> Network:
    """So many random networks of one size."""
    links, bands = int(generator.integers(1, 11)), int(generator.integers(1, 5))
    own_db, other_db = generator.uniform(0, 40), generator.uniform(-20, 30)
    gain_db = np.where(np.eye(links, dtype=bool), own_db, other_db) + 8 * generator.standard_normal(
        (count, bands, links, links)
    )
    if generator.random() < 0.5:
        unknown = (generator.random(gain_db.shape) < generator.uniform(0, 0.5)) & ~np.eye(links, dtype=bool)
        gain_db[unknown] = np.nan
    options: dict[str, Any] = {
        "limit": generator.random((count, links)),
        "band_limit": generator.random((count, bands, links)),
    }
    cell = np.unique(generator.integers(-1, 3, links), return_inverse=True)[1] - 1
    if cell.max() >= 0 and generator.random() < 0.7:
        options |= {"groups": cell, "group_limit": 2 * generator.random((count, int(cell.max()) + 1))}
    if generator.random() < 0.4:
        options["exclusive"] = cell
    return Network(gain_db=gain_db, bands=True, **options)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, answer, measure; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks.bands.violations", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="networks (default: 100000)")
    parser.add_argument("--efforts", nargs="+", choices=EFFORTS, default=["fast"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    allocator, worst, broken, done = gfm_ra.load(), 0.0, 0, 0
    for number in range(-(-given.count // _BATCH)):
        generator = np.random.default_rng([given.seed, number])
        asked = network(generator, min(_BATCH, given.count - done))
        assert asked.limits is not None, "networks with bands have limits"
        effort = given.efforts[number % len(given.efforts)]
        answer = allocator.allocate(asked, goal=_GOALS[number % len(_GOALS)], effort=effort)
        excess = asked.limits.excess(answer.power)
        worst, broken = max(worst, float(excess.max())), broken + int((excess > _WORST).sum())
        done += len(excess)
    print(
        f"{done} networks, {broken} with a limit exceeded by more than {_WORST:g}; the largest excess is {worst:.2g}"
    )
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
