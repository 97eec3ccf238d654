"""Make the certified test set: `python -m benchmarks.certified.optima --out NPZ`.

Parts of the 34 published test worlds, with the global optimum of every goal by `gfm_ra.exact.optimum`, proven to 1e-3
or given up after so many boxes, with the bounds reached by then. `make certified` runs it and `benchmarks.certified.ratios`.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.certified.parts import parts
from benchmarks.certified.reach import GOALS, PROVEN
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.exact import optimum
from gfm_ra.units import to_gain

BOXES = {"sum-rate": 20_000_000}
"""Boxes after which a network is given up, by goal."""
OTHER_BOXES = 3_000_000


def main(arguments: Sequence[str] | None = None) -> None:
    """One archive of gains, powers, utilities and bounds by links and goal; a line for each."""
    parser = argparse.ArgumentParser("python -m benchmarks.certified.optima", description=__doc__)
    add = parser.add_argument
    add("--links", type=int, nargs="+", default=[2, 3, 4, 5, 6, 8])
    add("--networks", type=int, nargs="+", default=[300, 300, 300, 300, 300, 100], help="for each of --links")
    add("--goals", nargs="+", choices=list(GOALS), default=list(GOALS))
    add("--most-boxes", "--most_boxes", type=int, default=2**62, help="beside the limit of each goal")
    add("--out", type=Path, required=True, metavar="NPZ")
    given = parser.parse_args(arguments)
    if len(given.links) != len(given.networks):
        raise InputError("--networks needs a number for each of --links")
    found: dict[str, Any] = {}
    for links, count in zip(given.links, given.networks, strict=True):
        origin, gain_db = parts(links, count)
        gain = to_gain(gain_db)
        found |= {f"{links}/gain_db": gain_db, f"{links}/origin": np.array([json.dumps(part) for part in origin])}
        for name in given.goals:
            begin = time.perf_counter()
            boxes = min(BOXES.get(name, OTHER_BOXES), given.most_boxes)
            proof = optimum(gain, GOALS[name], PROVEN, most_boxes=boxes)
            for field in ("power", "lower", "upper", "boxes", "gap"):
                found[f"{links}/{name}/{field}"] = getattr(proof, field)
            share, seconds = float((proof.gap <= PROVEN).mean()), time.perf_counter() - begin
            print(f"K = {links}, {name}: {share:.1%} of {count} proven in {seconds:.1f} s", flush=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("wb") as file:
        np.savez(file, **found)


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.certified.optima: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
