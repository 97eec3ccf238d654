"""What allocators reach of the certified optima: `python -m benchmarks.certified.ratios NPZ --metrics JSON`."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.certified.parts import digest
from benchmarks.certified.reach import GOALS, ratios, summary
from benchmarks.worlds.allocators import Method, of_package
from benchmarks.worlds.references import SOLVERS
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.units import to_gain


def table(stored: Mapping[str, np.ndarray], goal: str, methods: Mapping[str, Method]) -> dict[str, Any]:
    """By method: over all solved networks, and by links solved ones and open ones apart."""
    everything: dict[str, list[np.ndarray]] = {}
    rows: dict[str, Any] = {}
    for links in sizes(stored):
        gain = to_gain(stored[f"{links}/gain_db"])
        proof = {field: stored[f"{links}/{goal}/{field}"] for field in ("power", "upper", "gap")}
        for method, parted in ratios(gain, GOALS[goal], proof, methods).items():
            everything.setdefault(method, []).append(parted["solved"])
            some = {kind: summary(ratio) for kind, ratio in parted.items() if ratio.size}
            rows.setdefault(method, {})[f"K = {links}"] = some
    return {method: {"all solved": summary(np.concatenate(everything[method]))} | row for method, row in rows.items()}


def sizes(stored: Mapping[str, np.ndarray]) -> list[int]:
    """Links of the networks of a set."""
    return sorted({int(name.split("/")[0]) for name in stored})


def main(arguments: Sequence[str] | None = None) -> None:
    """Every effort, WMMSE, FPLinQ and full power, a line for each goal."""
    parser = argparse.ArgumentParser("python -m benchmarks.certified.ratios", description=__doc__)
    add = parser.add_argument
    add("set", type=Path, metavar="NPZ")
    add("--weights", help="of the model (default: the newest packaged ones)")
    add("--efforts", nargs="+", choices=("fast", "balanced", "best"), default=["fast", "balanced", "best"])
    add("--metrics", type=Path, required=True, metavar="JSON")
    given = parser.parse_args(arguments)
    with np.load(given.set) as read:
        stored = dict(read)
    least, kept = sizes(stored)[0], {}
    for goal in [goal for goal in GOALS if f"{least}/{goal}/gap" in stored]:
        methods = methods_for(goal, given.weights, given.efforts)
        kept[goal] = table(stored, goal, methods)
        for method, row in kept[goal].items():
            told = row["all solved"]
            print(goal, method, *(f"{key} {told.get(key)}" for key in ("mean", "first_percentile", "worst")), flush=True)
    about = {str(links): digest(stored[f"{links}/gain_db"]) for links in sizes(stored)}
    given.metrics.parent.mkdir(parents=True, exist_ok=True)
    given.metrics.write_text(json.dumps({"sha256": about, "ratios": kept}, indent=1) + "\n")


def methods_for(goal: str, weights: str | None, efforts: Sequence[str]) -> dict[str, Method]:
    """What can answer a goal."""
    found: dict[str, Method] = of_package(weights, [each for each in efforts if goal != ENERGY or each != "fast"])
    if goal == ENERGY:
        return found | {"solver, 1 start": energy_efficient, "full power": SOLVERS["full power"]}
    return found | {name: solver for name, solver in SOLVERS.items() if name != "greedy"}


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.certified.ratios: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
