"""Which network to train: `python -m benchmarks.worlds.architectures FOLDER...`, on validation worlds.

Each FOLDER is the `model/` that `components.training.worlds` wrote. Ratios to WMMSE-Best of the same goal (100 starts,
100 iterations): one pass; the pass and some WMMSE iterations; the best of several draws with these iterations.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from components.channel.worlds.validation import KINDS, networks
from components.model.conditioning import goals_of
from components.model.unrolled.network import UnrolledNetwork
from components.training.checkpoint import CONFIG_NAME, MODEL_NAME, load_weights
from components.training.worlds.config import WorldsConfig
from components.training.worlds.validation import score
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.inference.noise import noise
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain

GOALS: dict[str, Objective] = {
    "sum-rate": SumRate(),
    "proportional-fair": ProportionalFair(),
    "alpha 0.5": AlphaFair(0.5),
    "alpha 2": AlphaFair(2.0),
    "qos": QoS(),
    "qos 1/5": QoS(1.0, 5.0),
}


class World(NamedTuple):
    """Networks of one kind and size, and what solvers reach on them, per goal [N]."""

    name: str
    gain_db: np.ndarray
    best: dict[str, np.ndarray]
    once: dict[str, np.ndarray]


def worlds(count: int, sizes: Sequence[int]) -> list[World]:
    """Validation worlds with their references."""
    found = []
    for kind in KINDS:
        for links in sizes:
            gain_db = networks(kind, count, links)
            gain = to_gain(gain_db)
            best, once = (
                {
                    name: score(spectral_efficiency(wmmse(gain, goal, starts=starts), gain), goal)
                    for name, goal in GOALS.items()
                }
                for starts in (100, 1)
            )
            found.append(World(f"{kind} {links}", gain_db, best, once))
    return found


def load(folder: Path) -> UnrolledNetwork:
    """A trained network."""
    config = WorldsConfig.model_validate_json((folder / CONFIG_NAME).read_bytes())
    network = UnrolledNetwork(config.network)
    load_weights(network, folder / MODEL_NAME)
    return network.eval()


@torch.no_grad()
def measure(network: UnrolledNetwork, world: World, draws: int, iterations: int) -> dict[str, np.ndarray]:
    """Scores [N] per goal of the best of so many draws, each refined by so many WMMSE iterations."""
    gain, (count, links) = to_gain(world.gain_db), world.gain_db.shape[:2]
    given = torch.from_numpy(noise(0, draws, links).copy()).transpose(0, 1)  # [K, D, 2]
    found = {}
    for name, goal in GOALS.items():
        power = network(
            torch.from_numpy(world.gain_db), goals_of(goal, count, links), given.expand(count, -1, -1, -1)
        ).power
        scores = []
        for draw in range(draws):
            set_power = np.ascontiguousarray(power[..., draw].numpy())
            if iterations:
                set_power = wmmse(gain, goal, iterations=iterations, initial_power=set_power)
            scores.append(score(spectral_efficiency(set_power, gain), goal))
        found[name] = np.max(scores, axis=0)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table per network."""
    parser = argparse.ArgumentParser("python -m benchmarks.worlds.architectures", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--links", type=int, nargs="+", default=[12, 40])
    parser.add_argument("--efforts", nargs="+", default=["1x0", "1x20", "4x20"], help="draws x iterations")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--details", action="store_true", help="every world, not only means and the worst")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    known = worlds(given.count, given.links)
    table = {"one WMMSE run": {world.name: _ratios(world.once, world) for world in known}}
    for folder in given.folders:
        network = load(folder)
        for effort in given.efforts:
            draws, iterations = (int(part) for part in effort.split("x"))
            found = {
                world.name: _ratios(measure(network, world, draws, iterations), world) for world in known
            }
            table[f"{folder.parent.name} {effort}"] = found
    for name, by_world in table.items():
        _print(name, by_world, given.details)
    if given.details:
        print(json.dumps(table))


def _ratios(scores: dict[str, np.ndarray], world: World) -> dict[str, float]:
    return {name: float(scores[name].mean() / world.best[name].mean()) for name in GOALS}


def _print(name: str, by_world: dict[str, dict[str, float]], details: bool) -> None:
    means = [np.mean([ratios[goal] for ratios in by_world.values()]) for goal in GOALS]
    worst = [min((ratios[goal], world) for world, ratios in by_world.items()) for goal in GOALS]
    print(
        f"{name:24}",
        *(f"{mean:.4f} ({value:.3f} {world})" for mean, (value, world) in zip(means, worst, strict=True)),
    )
    if details:
        for world, ratios in by_world.items():
            print(f"    {world:20}", *(f"{ratios[goal]:.4f}" for goal in GOALS))


if __name__ == "__main__":
    main()
