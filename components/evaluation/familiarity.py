"""The references of familiarity that come with the weights: the paper's scenarios, and all networks of the training.

    python -m components.evaluation.familiarity gfm_ra/weights/any-world-4

Shapes: n networks, K links; gain_db [n, K, K] float32.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from components.channel.scenario import OUT_OF_DISTRIBUTION, SCENARIOS, Scenario
from components.channel.torch_rng import torch_stream
from components.channel.torch_simulator import draw_gain_db
from components.channel.worlds.distribution import WorldDistribution
from components.channel.worlds.ranges import Range
from gfm_ra.familiarity import fit
from gfm_ra.familiarity.packaged import HOME, TRAINED, file_name
from gfm_ra.familiarity.stored import read
from gfm_ra.network import Network

SEED = 2**42  # runs, their validation and the validation worlds have other ones
LINKS = {
    TRAINED: (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100),
    HOME: (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 200),
}
"""Numbers of links of each reference, so close that every one in between lies within REACH of one of them."""
_TOGETHER = 10  # networks of one density, or of one family
_NETWORKS, _LEAST_NETWORKS, _LINKS_OF_MOST = 8000, 1200, 48
_PER_KM2 = Range(low=20.0, high=80.0, logarithmic=True)  # D16 has the fewest links in its 1 km2, D20 the most


def draw(kind: str, links: int, count: int, seed: int = SEED) -> np.ndarray:
    """Networks of a reference, [count, K, K].

    home: pairs 1 to 100 m apart as in D16 to D20, 20 to 80 of them per km2 whatever K is. trained: the families of
    `WorldDistribution` by their shares.
    """
    generator = torch_stream(seed, "familiarity", kind, links)
    one = _home if kind == HOME else _trained
    parts = [one(links, generator) for _ in range(math.ceil(count / _TOGETHER))]
    return np.concatenate(parts)[:count]


def _home(links: int, generator: torch.Generator) -> np.ndarray:
    paper = SCENARIOS[OUT_OF_DISTRIBUTION[0]]
    area_m = 1000.0 * math.sqrt(links / float(_PER_KM2.draw((), generator)))
    scenario = Scenario(HOME, links, paper.min_distance_m, paper.max_distance_m, area_m=area_m)
    return draw_gain_db(scenario, _TOGETHER, generator).numpy()


def _trained(links: int, generator: torch.Generator) -> np.ndarray:
    worlds = WorldDistribution()
    return worlds.draw_of(worlds.draw_family(generator), _TOGETHER, links, generator).numpy()


def _networks(kind: str) -> Iterator[Network]:
    for links in LINKS[kind]:
        count = int(_NETWORKS * min(1.0, (_LINKS_OF_MOST / links) ** 2))
        yield Network(gain_db=draw(kind, links, max(count, _LEAST_NETWORKS)))


def main() -> None:
    """Write references into a folder of weights."""
    words = argparse.ArgumentParser(
        "python -m components.evaluation.familiarity", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    words.add_argument("folder", type=Path, help="of the weights")
    words.add_argument("--kinds", nargs="+", choices=list(LINKS), default=list(LINKS), help="default: both")
    given = words.parse_args()
    trained = given.folder / file_name(TRAINED)
    if TRAINED in given.kinds:
        fit(_networks(TRAINED), TRAINED, background=None).save(trained)
    if HOME in given.kinds:
        fit(_networks(HOME), HOME, background=read(trained)).save(given.folder / file_name(HOME))


if __name__ == "__main__":
    main()
