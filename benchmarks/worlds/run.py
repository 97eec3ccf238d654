"""Measure allocators in test worlds: scores, ratios to WMMSE-Best of the same goal, and the rates of the slow links.

Shapes: N networks, K links.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.worlds.allocators import Method
from benchmarks.worlds.references import BEST, SOLVERS, PowerControl, tuned
from benchmarks.worlds.table import SHA256
from benchmarks.worlds.world import SEED, TUNING_SEED, World, digest, networks
from components.intervals import ratio_of_means
from components.training.worlds.validation import score
from gfm_ra.errors import InputError
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import to_gain

GOALS: dict[str, Objective] = {
    "sum-rate": SumRate(),
    "proportional-fair": ProportionalFair(),
    "alpha-0.5": AlphaFair(0.5),
    "alpha-2": AlphaFair(2.0),
    "qos": QoS(),
}
TUNING_NETWORKS = 100


class Row(NamedTuple):
    """What one method reaches in one world under one goal."""

    world: str
    goal: str
    method: str
    mean: float  # score, bit/s/Hz: the sum, the rate worth as much for every link, or QoS above a silent network
    ratio: float  # of means, to WMMSE-Best of the goal
    low: float  # 95 % interval of the ratio
    high: float
    first_percentile: float  # of the networks' own ratios
    cell_edge: float  # 5th percentile of all rates, bit/s/Hz
    setting: PowerControl | None = None  # of the power control that was tuned
    trained_for: str | None = None  # the one goal that a learned method is made for

    @property
    def foreign(self) -> bool:
        """Whether a method is measured under a goal that it is not made for."""
        return self.trained_for not in (None, self.goal)


def published(world: World, count: int) -> np.ndarray:
    """The first networks of a world, gain_db [N, K, K], after a look at the digest of the published ones.

    Raises InputError if this machine draws others.
    """
    gain_db = networks(world, max(count, 200))
    if digest(gain_db[:200]) != SHA256[world.name]:
        raise InputError(
            f"world {world.name}: these are not the published networks (SHA-256 differs): NumPy {np.__version__} draws "
            "other random numbers, install the locked version"
        )
    return gain_db[:count]


def measure(
    worlds: Sequence[World],
    goals: Sequence[str],
    count: int,
    methods: Mapping[str, Method],
    trained_for: Mapping[str, str] | None = None,
) -> Iterator[list[Row]]:
    """Rows of each world and goal, one goal after the other; `trained_for` names the goal of methods for one alone."""
    for world in worlds:
        gain = to_gain(published(world, count))
        tuning = to_gain(networks(world, TUNING_NETWORKS, TUNING_SEED))
        for name in goals:
            goal = GOALS[name]
            settings = tuned(tuning, goal)
            power = {method: solve(gain, goal) for method, solve in SOLVERS.items()}
            power |= {method: setting.power(gain) for method, setting in settings.items()}
            power |= {method: solve(gain, goal) for method, solve in methods.items()}
            rows = _rows(world, name, gain, power, settings)
            yield [row._replace(trained_for=(trained_for or {}).get(row.method)) for row in rows]


def _rows(
    world: World,
    goal: str,
    gain: np.ndarray,
    power: dict[str, np.ndarray],
    settings: dict[str, PowerControl],
) -> list[Row]:
    rates = {method: spectral_efficiency(found.astype(np.float64), gain) for method, found in power.items()}
    scores = {method: score(found, GOALS[goal]) for method, found in rates.items()}
    best, rows = scores[BEST], []
    for method, found in scores.items():
        ratio = ratio_of_means(found, best, SEED)
        rows.append(
            Row(
                world.name,
                goal,
                method,
                float(found.mean()),
                *ratio,
                float(np.quantile(found / best, 0.01)),
                float(np.quantile(rates[method], 0.05)),
                settings.get(method),
            )
        )
    return rows
