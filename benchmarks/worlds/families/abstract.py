"""Worlds without geography: laws of the literature on power control, and structures that break symmetry or make it.

Shapes: N networks, K links; gains in dB over noise at full power, row = receiver, column = transmitter.
"""

import numpy as np

from benchmarks.worlds.families.laws import LEAST_FADING, fading_db, nakagami_db
from benchmarks.worlds.world import Draw, World
from gfm_ra.units import LEAST_GAIN_DB, linear_to_db

_NOISE = "gains are given over noise at full power"


def _rayleigh(links: int) -> Draw:
    """Every gain, the own ones too, exponential with mean 20 dB."""
    return lambda count, generator: 20.0 + fading_db(np.zeros((count, links, links)), generator)


def _equal(count: int, generator: np.random.Generator) -> np.ndarray:
    """10 links all of whose gains are the same number, 0 to 40 dB."""
    return np.broadcast_to(generator.uniform(0.0, 40.0, (count, 1, 1)), (count, 10, 10))


def _ring(count: int, generator: np.random.Generator) -> np.ndarray:
    """16 equal links on a circle: 30 dB, and at n steps 30 - advantage - 10 e log10(n), the same for every link."""
    advantage_db = generator.uniform(0.0, 20.0, (count, 1, 1))
    exponent = generator.uniform(2.0, 4.0, (count, 1, 1))
    steps = np.abs(np.arange(16)[:, None] - np.arange(16))
    steps = np.minimum(steps, 16 - steps)
    crossing_db = 30.0 - advantage_db - 10.0 * exponent * np.log10(np.maximum(steps, 1))
    return np.where(steps == 0, 30.0, crossing_db)


def _copies(times: int, pairs: int) -> Draw:
    """Pairs on top of each other: all links of a group send and hear the same, at 20 dB; others 15 dB less."""

    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        single_db = 5.0 + 15.0 * np.eye(pairs) + fading_db(np.zeros((count, pairs, pairs)), generator)
        return np.repeat(np.repeat(single_db, times, axis=1), times, axis=2)

    return draw


def _log_normal(count: int, generator: np.random.Generator) -> np.ndarray:
    """20 links all of whose gains are log-normal: mean 10 dB, standard deviation 15 dB."""
    return 10.0 + 15.0 * generator.standard_normal((count, 20, 20))


def _rank_one(count: int, generator: np.random.Generator) -> np.ndarray:
    """20 links, gain of receiver k from transmitter j = a_k b_j: a and b log-normal, 10 dB and 8 dB."""
    receiver_db = 10.0 + 8.0 * generator.standard_normal((count, 20, 1))
    return receiver_db + 10.0 + 8.0 * generator.standard_normal((count, 1, 20))


def _nakagami(count: int, generator: np.random.Generator) -> np.ndarray:
    """20 links, Nakagami fading with m = 1/2, deeper than Rayleigh; own gains 25 dB, others 5 dB in the mean."""
    return 5.0 + 20.0 * np.eye(20) + nakagami_db(0.5, (count, 20, 20), generator)


def _pareto(count: int, generator: np.random.Generator) -> np.ndarray:
    """20 links, gains Pareto distributed with tail index 1/2 above 0 dB: distances uniform in a disc, exponent 4."""
    inside = 1.0 - generator.random((count, 20, 20))  # (0, 1]: share of the disc that is nearer
    return -20.0 * np.log10(np.maximum(inside, LEAST_FADING)) + 10.0 * np.eye(20)


def _wyner(count: int, generator: np.random.Generator) -> np.ndarray:
    """30 cells in a row, each heard by its two neighbours alone, 1 to 10 dB weaker; Rayleigh fading around 20 dB."""
    steps = np.abs(np.arange(30)[:, None] - np.arange(30))
    weaker_db = generator.uniform(1.0, 10.0, (count, 1, 1))
    heard_db = (
        20.0
        - weaker_db * steps
        + linear_to_db(np.maximum(generator.exponential(size=(count, 30, 30)), LEAST_FADING))
    )
    return np.where(steps <= 1, heard_db, LEAST_GAIN_DB)


def _world(name: str, source: str, links: int, draw: Draw) -> World:
    family = {"rayleigh": "independent Rayleigh", "duplicates": "duplicates"}.get(name.split("-")[0], name)
    return World(name, family, source, links, _NOISE, draw)


_SUN = "Sun et al., Learning to optimize, IEEE TSP 66(20), 2018, IV-A, at 20 dB"
_STRUCTURE = "a structure of its own: "

WORLDS = (
    _world("rayleigh-20", _SUN, 20, _rayleigh(20)),
    _world("rayleigh-50", _SUN, 50, _rayleigh(50)),
    _world("equal", f"{_STRUCTURE}all links alike, 0 to 40 dB", 10, _equal),
    _world("ring", f"{_STRUCTURE}a circulant matrix", 16, _ring),
    _world("duplicates-2", f"{_STRUCTURE}two pairs at every place", 20, _copies(2, 10)),
    _world("duplicates-3", f"{_STRUCTURE}three pairs at every place", 21, _copies(3, 7)),
    _world(
        "log-normal", "Gjendemsjo et al., IEEE TWC 7(8), 2008: shadowing alone; here 15 dB", 20, _log_normal
    ),
    _world("rank-one", f"{_STRUCTURE}gains a_k b_j", 20, _rank_one),
    _world("nakagami", "Nakagami, 1960; m = 1/2 as in Simon and Alouini, 2005, 2.2.1.4", 20, _nakagami),
    _world("pareto", "Haenggi and Ganti, Interference in large wireless networks, 2009, ch. 3", 20, _pareto),
    _world(
        "wyner", "Wyner, IEEE TIT 40(6), 1994; fading of Somekh and Shamai, IEEE TIT 46(4), 2000", 30, _wyner
    ),
)
