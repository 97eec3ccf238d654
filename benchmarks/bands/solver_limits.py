"""Limits of powers over bands in random networks: `python -m benchmarks.bands.solver_limits [networks] [seed]`."""

import sys

import numpy as np

import gfm_ra
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate
from gfm_ra.solvers import bands

BATCH = 500
GOALS = (SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0), AlphaFair(10.0))
DEGENERATE = (0.0, 1e-6, 1e15, 1e24)


def numbers(rng: np.random.Generator, links: int) -> np.ndarray:
    """Random numbers of groups, int64 [K], from 0 without gaps; -1 for none."""
    drawn = rng.integers(-1, 3, links)
    return np.where(drawn >= 0, np.searchsorted(np.unique(drawn[drawn >= 0]), drawn), -1)


def random_network(rng: np.random.Generator) -> gfm_ra.Network:
    """500 networks of up to 10 links and 6 bands, with degenerate gains and limits among them."""
    links, count = int(rng.integers(1, 11)), int(rng.integers(1, 7))
    shape = (BATCH, count, links, links)
    odd = (rng.random(shape) < 0.15) & (rng.random((BATCH, 1, 1, 1)) < 0.5)
    gain = np.where(odd, rng.choice(DEGENERATE, shape), 10 ** rng.uniform(-7, 6, shape))
    total = rng.choice([0.0, 1.0, 1e-30, 1e-9], (BATCH, links), p=[0.1, 0.8, 0.05, 0.05])
    total = np.where(rng.random(total.shape) < 0.5, rng.random(total.shape), total)
    per_band = np.where(rng.random(shape[:3]) < 0.5, rng.random(shape[:3]), rng.choice([0.0, 1.0], shape[:3]))
    group = numbers(rng, links)
    budget = rng.random((BATCH, int(group.max()) + 1)) * rng.choice(
        [0.0, 1e-20, 1.0, 5.0], p=[0.05, 0.05, 0.6, 0.3]
    )
    budgets = {"groups": group, "group_limit": budget} if budget.size else {}
    exclusive = numbers(rng, links) if rng.random() < 0.5 else None
    return gfm_ra.Network(gain, bands=True, limit=total, band_limit=per_band, exclusive=exclusive, **budgets)


def largest_excesses(networks: int, seed: int) -> dict[str, float]:
    """The largest excess of any limit, as a part of it, by solver; inf where a power is no number."""
    rng = np.random.default_rng(seed)
    worst: dict[str, float] = {}
    for _ in range(-(-networks // BATCH)):
        network = random_network(rng)
        gain, limits = network.gain, network.limits
        assert limits is not None
        goal = GOALS[rng.integers(len(GOALS))]
        given = rng.normal(0, 2, (BATCH, 1, *gain.shape[1:3]))
        iterations = int(rng.choice([0, 1, 7, 30]))
        answers = {
            "wmmse": bands.wmmse(gain, limits, goal, given=given, iterations=iterations),
            "water_filling": bands.water_filling(gain, limits, iterations=3),
            "proportional_fair_schedule": bands.proportional_fair_schedule(gain, limits),
            "scheduled": bands.scheduled(gain, limits, goal, iterations=7),
        }
        for name, power in answers.items():
            found = float(limits.excess(power.astype(np.float64)).max())
            worst[name] = max(worst.get(name, 0.0), found)
    return worst


if __name__ == "__main__":
    arguments = [int(text) for text in sys.argv[1:]]
    for solver, excess in largest_excesses(*[*arguments, *[1_000_000, 0][len(arguments) :]]).items():
        print(f"{solver}: {excess:.3g}")
