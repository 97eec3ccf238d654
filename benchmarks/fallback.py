"""Wrong answers behind the fallback, whatever the model says: `python -m benchmarks.fallback --networks 1000000`.

Networks of 1 to 8 links with gains of every size, goals of every kind, and models that answer NaN, constants, noise or
values that are no powers, each network's kind at random. An answer is wrong if it is not finite, leaves [0, 1], or has
less utility in float64 than full power or one WMMSE run. Exit code 1 if there is any.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

from components.evaluation.torch_allocator import GUARD_ITERATIONS, Allocator
from gfm_ra.goals import (
    LARGEST_ALPHA,
    AlphaFair,
    Objective,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
    normalised_weights,
)
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, wmmse
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

BATCH = 1000
MOST_LINKS = 8
TOLERANCE = 1e-6  # of utility, relative to the sum of the links' benefits: what float32 rates are worth
SUBNORMAL = 1e-45
# What a model answers for a network of K links.
Answer = Callable[[np.random.Generator, int], np.ndarray]
MODELS: dict[str, Answer] = {
    "NaN": lambda _, links: np.full(links, np.nan),
    "NaN for one link": lambda draws, links: _one(draws, links, np.nan),
    "0": lambda _, links: np.zeros(links),
    "1": lambda _, links: np.ones(links),
    "0.5": lambda _, links: np.full(links, 0.5),
    "uniform noise": lambda draws, links: draws.random(links),
    "normal noise": lambda draws, links: draws.normal(0.5, 1.0, links),
    "infinite": lambda draws, links: _one(draws, links, np.inf),
    "minus infinite": lambda draws, links: _one(draws, links, -np.inf),
    "-1": lambda draws, links: _one(draws, links, -1.0),
    "2": lambda draws, links: _one(draws, links, 2.0),
    "1e38": lambda draws, links: _one(draws, links, 1e38),
    "1e300": lambda draws, links: _one(draws, links, 1e300),
    "subnormal": lambda draws, links: _one(draws, links, SUBNORMAL),
    "minus subnormal": lambda draws, links: _one(draws, links, -SUBNORMAL),
    "a bit above 1": lambda draws, links: _one(draws, links, float(np.nextafter(np.float32(1), 2))),
}


def _one(draws: np.random.Generator, links: int, value: float) -> np.ndarray:
    power = draws.random(links)
    power[draws.integers(links)] = value
    return power


def gains(draws: np.random.Generator, links: int) -> np.ndarray:
    """Gains [BATCH, K, K]: as in the simulator's scenarios, over the whole range, equal ones, and zeros."""
    shape = (BATCH, links, links)
    kind = draws.integers(4, size=(BATCH, 1, 1))
    usual = draws.normal(7.0, 15.0, shape) + 25.0 * np.eye(links)
    gain_db = np.select(
        [kind == 0, kind == 1], [usual, draws.uniform(LEAST_GAIN_DB, LARGEST_GAIN_DB, shape)], 10.0 * kind
    )
    gain = db_to_linear(np.minimum(gain_db, LARGEST_GAIN_DB))
    return np.where((kind != 2) & (draws.random(shape) < 0.05), 0.0, gain).astype(np.float32)


def goal(draws: np.random.Generator, links: int) -> Objective:
    """A goal of any kind that a model accepts, half of the time with weights."""
    plain = [
        SumRate(), ProportionalFair(), QoS(), QoS(draws.uniform(0, 5), 10 ** draws.uniform(-3, 6)),
        AlphaFair(draws.uniform(0, LARGEST_ALPHA)), AlphaFair(1 + draws.normal() * 10 ** draws.uniform(-12, -1)),
    ][draws.integers(6)]  # fmt: skip
    if draws.random() < 0.5:
        return plain
    return Weighted(plain, 10 ** draws.uniform(-6, 6, links) * 10 ** draws.uniform(-30, 30))


def worse(power: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    """Where powers [B, K] have less utility than full power or one WMMSE run, [B]."""
    wide = gain.astype(np.float64)
    others = (full_reuse(gain), wmmse(gain, objective, iterations=GUARD_ITERATIONS))
    merits = [objective.merit(spectral_efficiency(other.astype(np.float64), wide)) for other in others]
    rates = spectral_efficiency(power.astype(np.float64), wide)
    plain, weights = objective, np.ones(1)
    if isinstance(objective, Weighted):
        plain, weights = objective.objective, normalised_weights(objective.weights)
    # The merit of alpha-fairness is a logarithm, that of the others a sum of benefits, which may cancel.
    scale = 1.0 if isinstance(plain, AlphaFair) else (weights * np.abs(plain.benefit(rates))).sum(-1)
    return ~(objective.merit(rates) >= np.maximum(*merits) - TOLERANCE * scale)


def run(networks: int, seed: int) -> tuple[Counter, Counter, Counter]:
    """Networks, networks where the model's powers won, and wrong answers by kind of fault; keys of the first two are
    kinds of models."""
    draws, names = np.random.default_rng(seed), list(MODELS)
    asked, won, wrong = Counter(), Counter(), Counter()
    for _ in range(-(-networks // BATCH)):
        links = int(draws.integers(1, MOST_LINKS + 1))
        gain, objective = gains(draws, links), goal(draws, links)
        kinds = draws.integers(len(names), size=BATCH)
        answers = np.stack([MODELS[names[kind]](draws, links) for kind in kinds])
        allocator = Allocator(lambda *_, answers=answers: answers, objective)
        found = allocator.explain(gain, polish_iterations=3 * int(draws.integers(2)), guard=True)
        finite, within = np.isfinite(found.power).all(-1), ((found.power >= 0) & (found.power <= 1)).all(-1)
        wrong["not finite"] += int((~finite).sum())
        wrong["outside [0, 1]"] += int((finite & ~within).sum())
        wrong["worse than the fallback"] += int(worse(found.power[within], gain[within], objective).sum())
        asked.update(names[kind] for kind in kinds)
        won.update(names[kind] for kind in kinds[found.source == "model"])
    return asked, won, wrong


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    asked, won, wrong = run(given.networks, given.seed)
    table = Table("the model answers", "networks", "its powers won")
    for name in MODELS:
        table.add_row(name, f"{asked[name]:,}", f"{won[name]:,}")
    console = Console(highlight=False, width=100)
    console.print(table)
    console.print(f"{sum(asked.values()):,} networks; wrong answers: {dict(wrong)}")
    if sum(wrong.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
