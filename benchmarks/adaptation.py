"""Curves of adaptation: utility over zero-shot against the number of samples, in foreign worlds and for own utilities.

    python -m benchmarks.adaptation --out adaptation.json
    python -m benchmarks.adaptation --worlds wyner --goals soft-max-min --ways prompt --samples 64

Networks to learn from are drawn with other seeds than the published ones of `benchmarks.worlds`, and so are the test
networks. Goals of the family are answered by effort fast (which ends in WMMSE iterations), own utilities by one pass.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import networks
from components.intervals import mean_difference
from components.training.adaptation.adapt import Adaptation, Way, adapt
from gfm_ra.loading import load
from gfm_ra.units import to_gain

TRAIN_SEED, TEST_SEED = 7001, 7002
FOREIGN = ("rayleigh-20", "log-normal", "devices-gap", "uma-uplink-7x4", "wyner")
WAYS: tuple[Way, ...] = ("prompt", "lora", "full")


def log_capacity(rates: Tensor) -> Tensor:
    """Sum over links of log2(1 + rate)."""
    return torch.log2(1.0 + rates).sum(-1)


def thresholds(rates: Tensor) -> Tensor:
    """Expected number of links whose rate passes a threshold round 2 bit/s/Hz: not concave."""
    return torch.sigmoid(2.0 * (rates - 2.0)).sum(-1)


def soft_max_min(rates: Tensor) -> Tensor:
    """A smooth least rate, bit/s/Hz."""
    return -torch.logsumexp(-4.0 * rates, -1) / 4.0


UTILITIES: dict[str, Callable[[Tensor], Tensor]] = {
    "log-capacity": log_capacity,
    "thresholds": thresholds,
    "soft-max-min": soft_max_min,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Adapt, test, print a line each."""
    parser = argparse.ArgumentParser("python -m benchmarks.adaptation", description=__doc__)
    add = parser.add_argument
    add("--worlds", nargs="+", default=FOREIGN, choices=sorted(WORLDS))
    add("--goals", nargs="+", default=["sum-rate", *UTILITIES])
    add("--ways", nargs="+", default=WAYS, choices=WAYS)
    add("--samples", nargs="+", type=int, default=[64, 256, 2048])
    add("--count", type=int, default=1000, help="test networks")
    add("--out", type=Path, help="JSON")
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = []
    for world in chosen.worlds:
        train = networks(WORLDS[world], max(chosen.samples), TRAIN_SEED)
        test = networks(WORLDS[world], chosen.count, TEST_SEED)
        for goal in chosen.goals:
            for samples in chosen.samples:
                for way in chosen.ways:
                    rows.append(_row(world, goal, way, train[:samples], test))
                    print(json.dumps(rows[-1]), flush=True)
                    if chosen.out is not None:
                        chosen.out.write_text(json.dumps(rows, indent=1) + "\n")


def _row(world: str, goal: str, way: Way, train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    begin = time.perf_counter()
    asked: dict[str, Any] = {"utility": UTILITIES[goal]} if goal in UTILITIES else {"goal": goal}
    found = adapt(train, way=way, **asked)
    seconds = time.perf_counter() - begin
    before, after = _tested(found, test)
    difference = mean_difference(after, before, 1)
    return {
        "world": world,
        "goal": goal,
        "way": way,
        "samples": len(train),
        "seconds": round(seconds, 2),
        "kept": found.adapted,
        "told": found.told,
        "zero_shot": float(before.mean()),
        "difference": [float(value) for value in difference],
    }


def _tested(found: Adaptation, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Utility of zero-shot and of what was adapted, of every test network."""
    gain, goal = to_gain(test), found.goal
    answers = (
        allocator.allocate(gain=gain, goal=goal, effort="fast").utility  # type: ignore[arg-type]
        for allocator in (load(), found.allocator())
    )
    before, after = answers
    return np.asarray(before), np.asarray(after)


if __name__ == "__main__":
    main()
