"""What rules leave is used: near the optimum where that is known, never worse than the repair."""

import numpy as np
import pytest

from gfm_ra import AlphaFair, EnergyEfficiency, Network, ProportionalFair, QoS, Rules, SumRate, Weighted
from gfm_ra.goals import Objective
from gfm_ra.rules import PowerBounds, bound, improved, violation
from gfm_ra.rules.enforcement import enforced_rows
from gfm_ra.rules.improvement import BALANCED, BEST, Work
from gfm_ra.rules.violations import HOLDS
from gfm_ra.rules.worth import gradient, rates_of, worth

GOALS = [SumRate(), ProportionalFair(), QoS(0.5, 10.0), AlphaFair(2.0), EnergyEfficiency(0.5)]


class Slowest:
    """A goal of another package, without a slope."""

    name = "slowest"

    def utility(self, rates: np.ndarray) -> np.ndarray:
        return rates.min(-1)


def networks(seed: int, count: int, bands: int, links: int) -> np.ndarray:
    gain_db = np.random.default_rng(seed).normal(5.0, 10.0, (count, bands, links, links))
    gain_db[..., range(links), range(links)] += 25.0
    return 10.0 ** (gain_db / 10.0)


def two_links(count: int) -> tuple[np.ndarray, np.ndarray, PowerBounds]:
    """Gains of pairs of links, what an incumbent hears of them [B, 2], and the bounds of a cap of -6 dB."""
    heard = 10.0 ** (np.random.default_rng(1).normal(0.0, 8.0, (count, 2)) / 10.0)
    rules = Rules(protected_gain=heard[:, None], interference_cap_db=-6.0)
    return networks(0, count, 1, 2), heard, bound(None, rules, (count, 1, 2))


def by_grid(gain: np.ndarray, heard: np.ndarray, bounds: PowerBounds, goal: Objective) -> np.ndarray:
    """The best worth over a grid of the box, points beyond the cap scaled onto it, [B]."""
    axis = np.linspace(0.0, 1.0, 201)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 1, 2)
    best = []
    for one, harm, high in zip(gain, heard, bounds.high, strict=True):
        power = points * high
        power /= np.maximum((power @ harm) / 10**-0.6, 1.0)[..., None]
        best.append(worth(power, np.broadcast_to(one, (len(power), *one.shape)), goal).max())
    return np.array(best)


@pytest.mark.parametrize(("goal", "balanced", "best"), [
    (SumRate(), 0.999, 0.9999), (ProportionalFair(), 0.99, 0.999), (QoS(0.5, 10.0), 0.98, 0.999),
    (EnergyEfficiency(0.5), 0.999, 0.9999),
])  # fmt: skip
def test_two_links_under_a_cap_come_near_the_optimum(goal: Objective, balanced: float, best: float) -> None:
    gain, heard, bounds = two_links(60)
    optimum = by_grid(gain, heard, bounds, goal)
    wanted = np.ones((60, 1, 2))
    power = enforced_rows(wanted, bounds)
    for work, least in ((BALANCED, balanced), (BEST, best)):
        found = worth(improved(power, wanted, bounds, gain, goal, work), gain, goal)
        assert found.sum() >= least * optimum.sum()
        # A grid of 200 steps is not far above a true optimum, so that ours may not be either.
        assert (found <= optimum + 0.05 * np.abs(optimum) + 0.05).all()


@pytest.mark.parametrize("goal", [*GOALS, Weighted(SumRate(), np.arange(1.0, 5.0)), Slowest()], ids=repr)
@pytest.mark.parametrize("bands", [1, 3])
def test_never_worse_than_the_repair_and_the_rules_hold(goal: Objective, bands: int) -> None:
    rng = np.random.default_rng(bands)
    count, links = 8, 4
    gain = networks(2, count, bands, links)
    shape = gain if bands > 1 else gain[:, 0]
    network = Network(shape, bands=bands > 1, groups=[0, 0, 1, 1], group_limit=1.2)
    rules = Rules(
        floor=0.01, protected_gain=rng.random((2, links)) * 3, interference_cap=0.5, never_silent=[[0, 2]],
        never_silent_power=0.1,
    )  # fmt: skip
    bounds = bound(network.limits, rules, (count, bands, links))
    wanted = rng.random((count, bands, links)).astype(np.float32)
    power = enforced_rows(wanted, bounds)
    found = improved(power, wanted, bounds, gain, goal, Work(20, 2))
    assert found.dtype == np.float32
    assert (violation(found, bounds) <= HOLDS).all()
    before, after = (worth(each.astype(np.float64), gain, goal) for each in (power, found))
    assert (after >= before).all()
    assert (after > before).any()


@pytest.mark.parametrize(
    "goal",
    [*GOALS[:2], *GOALS[3:], Weighted(EnergyEfficiency(0.3, kind="weighted-sum"), np.arange(1.0, 5.0))],
)
def test_the_gradient_is_that_of_the_utility(goal: Objective) -> None:
    gain = networks(3, 1, 2, 4)
    power = np.random.default_rng(0).uniform(0.1, 0.4, (1, 2, 4))
    numbers = np.empty(power.shape)
    for place in np.ndindex(power.shape):
        value = []
        for step in (1e-6, -1e-6):
            moved = power.copy()
            moved[place] += step
            value.append(float(goal.utility(rates_of(moved, gain), moved.sum(-2))[0]))
        numbers[place] = (value[0] - value[1]) / 2e-6
    found = gradient(power, gain, goal)
    np.testing.assert_allclose(found / np.abs(found).max(), numbers / np.abs(numbers).max(), atol=1e-4)
