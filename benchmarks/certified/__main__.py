"""The certified test set: `python -m benchmarks.certified optima` makes it, `... ratios` measures allocators on it.

Parts of the 34 published test worlds, with the global optimum of every goal by `gfm_ra.exact.optimum`, proven to 1e-3 or
given up after so many boxes, with the bounds reached by then. `make certified` runs both.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.certified.parts import digest, parts
from benchmarks.certified.ratios import GOALS, PROVEN, ratios, summary
from benchmarks.worlds.allocators import Method, of_package
from benchmarks.worlds.references import SOLVERS
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.exact import optimum
from gfm_ra.units import to_gain

BOXES = {"sum-rate": 20_000_000}
"""Boxes after which a network is given up, by goal."""
OTHER_BOXES = 3_000_000


def optima(given: argparse.Namespace) -> None:
    """Make the set: one archive of gains, powers, utilities and bounds by links and goal."""
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


def measure(given: argparse.Namespace) -> None:
    """Ratios of every effort, WMMSE, FPLinQ and full power, by goal and links, and over all."""
    methods: dict[str, Method] = of_package(given.weights, given.efforts)
    methods |= {name: solver for name, solver in SOLVERS.items() if name != "greedy"}
    table: dict[str, Any] = {}
    with np.load(given.set) as read:
        stored = dict(read)
    sizes = sorted({int(name.split("/")[0]) for name in stored})
    for name in [goal for goal in GOALS if f"{sizes[0]}/{goal}/gap" in stored]:
        everything: dict[str, list[np.ndarray]] = {}
        rows: dict[str, Any] = {}
        for links in sizes:
            gain = to_gain(stored[f"{links}/gain_db"])
            proof = {field: stored[f"{links}/{name}/{field}"] for field in ("power", "upper", "gap")}
            for method, parted in ratios(gain, GOALS[name], proof, methods).items():
                everything.setdefault(method, []).append(parted["solved"])
                rows.setdefault(method, {})[f"K = {links}"] = {
                    kind: summary(ratio) for kind, ratio in parted.items() if ratio.size
                }
        for method, solved in everything.items():
            rows[method] = {"all solved": summary(np.concatenate(solved))} | rows[method]
            told = rows[method]["all solved"]
            print(name, method, *(f"{key} {told[key]}" for key in ("mean", "first_percentile", "worst")), flush=True)
        table[name] = rows
    about = {str(links): digest(stored[f"{links}/gain_db"]) for links in sizes}
    given.metrics.parent.mkdir(parents=True, exist_ok=True)
    given.metrics.write_text(json.dumps({"sha256": about, "ratios": table}, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the set or measure."""
    parser = argparse.ArgumentParser("python -m benchmarks.certified", description=__doc__)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("optima", help="make the set")
    make.add_argument("--links", type=int, nargs="+", default=[2, 3, 4, 5, 6, 8])
    make.add_argument("--networks", type=int, nargs="+", default=[300, 300, 300, 300, 300, 100])
    make.add_argument("--goals", nargs="+", choices=list(GOALS), default=list(GOALS))
    make.add_argument("--most-boxes", type=int, default=2**62, help="beside the limit of each goal")
    make.add_argument("--out", type=Path, required=True, metavar="NPZ")
    make.set_defaults(run=optima)
    look = commands.add_parser("ratios", help="measure allocators on it")
    look.add_argument("set", type=Path, metavar="NPZ")
    look.add_argument("--weights", help="of the model (default: the newest packaged ones)")
    look.add_argument("--efforts", nargs="+", choices=("fast", "balanced", "best"), default=["fast", "balanced", "best"])
    look.add_argument("--metrics", type=Path, required=True, metavar="JSON")
    look.set_defaults(run=measure)
    given = parser.parse_args(arguments)
    given.run(given)


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.certified: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
