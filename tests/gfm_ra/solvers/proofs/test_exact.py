"""Global optima against searches of all powers, another solver, and powers drawn at random."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from gfm_ra.exact import optimum
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.solvers.proofs.certificate import scale_of, utility_of

GOALS = [
    SumRate(),
    ProportionalFair(),
    QoS(),
    QoS(1.0, 100.0),
    AlphaFair(0.5),
    AlphaFair(2.0),
    AlphaFair(6.5),
]
LEVELS = {1: 400, 2: 200, 3: 40}


def networks(links, count=12, seed=0):
    """Gains around the noise and far above it, float64 [count, K, K]."""
    gain_db = np.random.default_rng(seed + links).normal(8.0, 14.0, (count, links, links)) + 14.0 * np.eye(
        links
    )
    return 10.0 ** (gain_db / 10.0)


def strong(links, count=12):
    """Gains of links that are all heard well without the others."""
    gain_db = np.random.default_rng(links).normal(0.0, 8.0, (count, links, links)) + 38.0 * np.eye(links)
    return 10.0 ** (gain_db / 10.0)


def weighted(goal, links, count=12):
    return Weighted(goal, np.random.default_rng(links).uniform(0.1, 3.0, (count, links)))


def best_of_grid(gain, goal, links):
    """Utility of the best powers of a grid, which is finer near 0, [B]."""
    steps = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, LEVELS[links] - 1)])
    grid = np.array(list(itertools.product(steps, repeat=links)))
    best = np.full(len(gain), -np.inf)
    for power in np.array_split(grid, max(1, len(grid) // 4000)):
        many = np.broadcast_to(power[:, None], (len(power), len(gain), links))
        best = np.maximum(best, utility_of(goal, many, gain).max(0))
    return best


@pytest.mark.parametrize("links", [1, 2, 3])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_no_powers_of_a_grid_are_better(goal, links):
    gain = networks(links)
    for aim in (goal, weighted(goal, links)):
        found = optimum(gain, aim)
        grid, scale = best_of_grid(gain, aim, links), scale_of(aim, found.lower, links)
        assert (grid <= found.upper + 1e-12 * np.abs(found.upper)).all()
        assert ((grid - found.lower) / scale <= 1e-3).all()
        assert (found.gap <= 1e-3).all()
        np.testing.assert_allclose((found.upper - found.lower) / scale, found.gap)


@pytest.mark.parametrize("goal", [SumRate(), QoS(), AlphaFair(0.5), ProportionalFair()], ids=repr)
def test_no_powers_drawn_at_random_beat_the_upper_bound(goal):
    gain = networks(5)
    found = optimum(gain, goal)
    rng = np.random.default_rng(1)
    for _ in range(10):
        power = rng.uniform(size=(100, len(gain), 5)) ** rng.choice([0.2, 1.0, 6.0], size=(100, len(gain), 5))
        assert (utility_of(goal, power, gain) <= found.upper).all()


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_the_utility_is_that_of_the_powers(goal):
    gain = networks(4)
    found = optimum(gain, goal)
    assert found.power.dtype == np.float32
    assert ((found.power >= 0) & (found.power <= 1)).all()
    rates = spectral_efficiency(found.power.astype(np.float64), gain)
    np.testing.assert_allclose(found.lower, goal.utility(rates), rtol=1e-12)
    assert (found.lower <= found.upper).all()
    worse = goal.utility(spectral_efficiency(wmmse(gain, goal, starts=100).astype(np.float64), gain))
    assert ((worse - found.lower) / scale_of(goal, found.lower, 4) <= 1e-3).all()


@pytest.mark.parametrize("goal", [SumRate(), QoS(2.0, 30.0), AlphaFair(0.5)], ids=repr)
def test_a_smaller_tolerance_proves_more(goal):
    gain = networks(4, 6)
    coarse, fine = optimum(gain, goal, 1e-2), optimum(gain, goal, 1e-5)
    assert (fine.gap <= 1e-5).all()
    assert (coarse.gap <= 1e-2).all()
    assert (fine.upper >= coarse.lower - 1e-9).all()
    assert (coarse.upper >= fine.lower - 1e-9).all()
    assert fine.boxes.sum() > coarse.boxes.sum()


@pytest.mark.parametrize("goal", [ProportionalFair(), AlphaFair(2.0)], ids=repr)
def test_a_concave_problem_has_the_optimum_of_another_solver(goal):
    for gain in networks(6, 4):

        def loss(logs, gain=gain):
            return -float(goal.utility(spectral_efficiency(np.exp(logs), gain)))

        other = minimize(loss, np.full(6, -1.0), method="L-BFGS-B", bounds=[(-25.0, 0.0)] * 6,
                         options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8})  # fmt: skip
        found = optimum(gain, goal)
        scale = scale_of(goal, found.lower, 6)
        assert (-other.fun - found.upper) / scale <= 1e-9
        assert (-other.fun - found.lower) / scale <= 1e-6


@pytest.mark.parametrize("links", [20, 50])
def test_alpha_fairness_is_proven_for_many_links(links):
    found = optimum(strong(links, 5), AlphaFair(2.0))
    assert (found.gap < 1e-5).all()
    assert (found.boxes == 0).all()


def test_threads_change_nothing():
    gain = networks(6, 1)[0]
    one, two = (optimum(gain, QoS(), threads=threads) for threads in (1, 2))
    assert one.boxes == two.boxes > 1000
    assert (one.lower, one.upper) == (two.lower, two.upper)
    np.testing.assert_array_equal(one.power, two.power)


def test_a_limit_gives_the_bounds_reached():
    gain = networks(16, 1)[0]
    few, more = (optimum(gain, SumRate(), most_boxes=boxes) for boxes in (10, 2000))
    assert few.lower <= more.lower <= more.upper <= few.upper
    assert more.gap > 1e-3
    timed = optimum(gain, SumRate(), time_limit_s=0.2)
    assert timed.lower <= timed.upper <= few.upper


def test_leading_dimensions_are_kept():
    gain = networks(3, 6).reshape(2, 3, 3, 3)
    found = optimum(gain, weighted(SumRate(), 3, 6).objective)
    assert found.power.shape == (2, 3, 3)
    assert found.gap.shape == found.lower.shape == found.upper.shape == found.boxes.shape == (2, 3)
    alone = optimum(gain[1, 2], SumRate())
    assert np.ndim(alone.gap) == 0
    assert abs(alone.lower - found.lower[1, 2]) <= 1e-3 * alone.lower


def test_links_without_weight_or_gain_are_silent_or_do_not_matter():
    gain = networks(4, 1)[0]
    gain[0, 0] = 0.0
    weights = np.array([1.0, 0.0, 1.0, 2.0])
    for goal in GOALS:
        found = optimum(gain, Weighted(goal, weights))
        assert found.gap <= 1e-3, goal
        assert found.lower >= utility_of(Weighted(goal, weights), np.array([0.0, 0.0, 1.0, 1.0]), gain), goal


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0.0}, "tolerance must lie between 0 and 1"),
        ({"goal": Weighted(SumRate(), np.ones(4))}, "weights .4,. do not fit"),
        ({"initial_power": np.ones(4)}, r"initial_power must be \[3\] numbers in \[0, 1\]"),
        ({"initial_power": np.full(3, 2.0)}, "initial_power must be"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        optimum(networks(3)[0], **arguments)


def test_unknown_gains_and_endless_searches_are_refused():
    gain = networks(3)[0]
    gain[0, 1] = np.nan
    with pytest.raises(ValueError, match="1 gains are unknown: nothing can be proven"):
        optimum(gain)
    with pytest.raises(ValueError, match="20 links may take for ever: give time_limit_s or most_boxes"):
        optimum(networks(20, 1))
    with pytest.raises(ValueError, match="at most 64 are searched"):
        optimum(networks(70, 1), SumRate(), most_boxes=10)
