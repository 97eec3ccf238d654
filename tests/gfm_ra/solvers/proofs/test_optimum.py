"""Solvers against the optimum of networks so small that a search of all powers finds it."""

import itertools

import numpy as np
import pytest

from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import fplinq, full_reuse, greedy, wmmse

GOALS = [
    SumRate(),
    ProportionalFair(),
    QoS(),
    QoS(1.0, 100.0),
    AlphaFair(0.5),
    AlphaFair(2.0),
    AlphaFair(6.5),
]
NETWORKS, LEVELS = 12, {1: 33, 2: 33, 3: 17, 4: 9}


def networks(links):
    """Gains around the noise and far above it, float64 [NETWORKS, K, K]."""
    gain_db = np.random.default_rng(links).normal(8.0, 12.0, (NETWORKS, links, links)) + 12.0 * np.eye(links)
    return 10.0 ** (gain_db / 10.0)


def weighted(goal, links):
    return Weighted(goal, np.linspace(1.0, 3.0, links))


def optimum(gain, goal):
    """Best merit of one network [K, K]: over a grid with all corners, refined around its ten best points."""
    links = len(gain)
    levels = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, LEVELS[links] - 1)])
    grid = np.array(list(itertools.product(levels, repeat=links)))
    merits = goal.merit(spectral_efficiency(grid, gain))
    best = -np.inf
    for start in np.argsort(merits)[-10:]:
        power, merit, step = grid[start], merits[start], 0.5
        while step > 1e-5:
            moves = np.array(list(itertools.product((1 - step, 1.0, 1 / (1 - step)), repeat=links)))
            around = np.minimum(power * moves, 1.0)
            found = goal.merit(spectral_efficiency(around, gain))
            if found.max() > merit:
                power, merit = around[found.argmax()], found.max()
            else:
                step /= 2
        best = max(best, merit)
    return best


def reached(power, gain, goal):
    return goal.merit(spectral_efficiency(power.astype(np.float64), gain))


@pytest.fixture(scope="module", params=[1, 2, 3, 4])
def small(request):
    return networks(request.param)


@pytest.mark.parametrize("goal", [*GOALS, "weighted"], ids=repr)
def test_the_best_of_many_starts_finds_the_optimum_and_nothing_exceeds_it(goal, small):
    links = small.shape[-1]
    goal = weighted(SumRate(), links) if goal == "weighted" else goal
    best = np.array([optimum(gain, goal) for gain in small])
    # Of alpha-fair goals the merit is a logarithm; of the others a sum, which may cancel.
    scale = 1.0 if isinstance(goal, AlphaFair) else np.maximum(1.0, np.abs(best))
    many = reached(wmmse(small, goal, starts=50, iterations=2000), small, goal)
    # The iteration stops short of the bend of QoS: by 3 % of the utility at most here, elsewhere by next to nothing.
    # The search's own steps miss a little of the bend too.
    exceeds = 2e-3 if isinstance(goal, QoS) else 1e-5
    np.testing.assert_array_less(best - many, (5e-2 if isinstance(goal, QoS) else 2e-4) * scale)
    for power in (wmmse(small, goal), greedy(small, goal), fplinq(small), full_reuse(small)):
        np.testing.assert_array_less(reached(power, small, goal) - best, exceeds * scale)
    np.testing.assert_array_less(many - best, exceeds * scale)


@pytest.mark.parametrize("goal", [SumRate(), ProportionalFair(), QoS()], ids=repr)
def test_greedy_is_at_most_the_best_schedule_and_at_least_every_lone_link(goal, small):
    links = small.shape[-1]
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=links)))
    values = np.stack([goal.merit(spectral_efficiency(corners, gain)) for gain in small])  # [N, 2^K]
    found = reached(greedy(small, goal), small, goal)
    np.testing.assert_array_less(found, values.max(1) + 1e-5)
    strongest = np.diagonal(small, axis1=1, axis2=2).argmax(1)
    alone = np.eye(links)[strongest]
    np.testing.assert_array_less(reached(alone, small, goal) - 1e-5, found)


def test_fplinq_keeps_a_fixed_part_of_the_optimum_on_the_mean(small):
    best = np.array([optimum(gain, SumRate()) for gain in small])
    assert reached(fplinq(small), small, SumRate()).mean() > 0.9 * best.mean()


def test_some_link_of_an_optimum_sends_at_full_power(small):
    """All powers times the same factor above 1 raise every rate, so an optimum reaches the bound somewhere."""
    for goal in (goal for goal in GOALS if not isinstance(goal, QoS)):
        power = wmmse(small, goal, starts=50, iterations=2000)
        assert (power.max(-1) > 0.97).all()  # a damped iteration has not quite arrived
