"""Multi-channel WMMSE: closed forms, exhaustive search, one band, stationarity, the same bits."""

from itertools import pairwise

import numpy as np
import pytest

import gfm_ra
from gfm_ra import solvers
from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.solvers import bands

GOALS = (SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0))


def gains(rng, *shape, links, mean_db=0.0, own_db=12.0):
    """Log-normal gains [..., K, K], float32."""
    found = 10 ** ((rng.normal(0, 8, (*shape, links, links)) + mean_db) / 10)
    found[..., np.arange(links), np.arange(links)] *= 10 ** (own_db / 10)
    return found.astype(np.float32)


def limits_of(gain, **limits):
    return gfm_ra.Network(gain, bands=True, **limits).limits


def poured(floor, total):
    """Water-filling of one budget over floors [n], float64, by the sorted closed form."""
    ordered = np.sort(floor)
    for count in range(len(floor), 0, -1):
        level = (total + ordered[:count].sum()) / count
        if level > ordered[count - 1]:
            return np.maximum(level - floor, 0)
    raise AssertionError("there is always one")


@pytest.mark.parametrize("solve", [lambda g, m: bands.wmmse(g, m, iterations=1000), bands.water_filling])
def test_without_interference_it_is_water_filling(solve):
    rng = np.random.default_rng(0)
    own = 10 ** rng.uniform(-1, 4, (5, 6, 4))  # [B, F, K]
    gain = own[..., None] * np.eye(4)
    total = rng.uniform(0.2, 0.9, (5, 4))
    wanted = [[poured(1 / own[b, :, k], total[b, k]) for k in range(4)] for b in range(5)]
    found = solve(gain, limits_of(gain, limit=total))
    np.testing.assert_allclose(found, np.swapaxes(wanted, 1, 2), atol=1e-5)
    found = solve(gain, limits_of(gain, groups=[0, 0, 1, 1], group_limit=0.8))
    for links in (slice(0, 2), slice(2, 4)):
        together = [poured(1 / own[b, :, links].ravel(), 0.8).reshape(6, 2) for b in range(5)]
        np.testing.assert_allclose(found[:, :, links], together, atol=1e-5)


def test_one_band_without_limits_is_wmmse():
    gain = gains(np.random.default_rng(1), 200, 1, links=10)
    limits = limits_of(gain)
    np.testing.assert_array_equal(bands.wmmse(gain, limits)[:, 0], solvers.wmmse(gain[:, 0]))
    for goal in GOALS[1:]:
        found, known = bands.wmmse(gain, limits, goal, starts=3), solvers.wmmse(gain[:, 0], goal, starts=3)
        utility = goal.utility(bands.rates(gain, found)).mean()
        assert utility >= goal.utility(bands.rates(gain, known[:, None])).mean() - 1e-3 * abs(utility)


def test_sum_rate_never_falls_with_iterations():
    gain = gains(np.random.default_rng(2), 100, 4, links=8)
    limits = limits_of(gain, groups=[0, 0, 0, 1, 1, 1, -1, -1], limit=0.7)
    sums = [
        bands.rates(gain, bands.wmmse(gain, limits, iterations=n)).sum(-1) for n in (0, 1, 2, 5, 20, 100, 300)
    ]
    for before, after in pairwise(sums):
        assert (after >= before * (1 - 1e-6)).all()


def searched(gain, limits, goal, rng):
    """The best merit on a grid of powers of two links in two bands, refined around the best places."""
    axis = np.linspace(0, 1, 13)
    grid = np.stack(np.meshgrid(axis, axis, axis, axis), -1).reshape(-1, 2, 2)

    def within(power):
        power = power * np.minimum(1, limits.total / np.maximum(power.sum(-2), 1e-12))[..., None, :]
        if limits.groups:
            sums = limits.group_sums(power)
            power = power * np.minimum(1, limits.group_total / np.maximum(sums, 1e-12))[..., None]
        return power

    def merit(power):
        return goal.merit(bands.rates(np.broadcast_to(gain, (*power.shape[:-2], *gain.shape)), power))

    grid = within(grid)
    best, width = grid[np.argsort(merit(grid))[-12:]], 1 / 12
    for _ in range(40):
        near = within(np.clip(best[:, None] + width * rng.normal(0, 1, (12, 150, 2, 2)), 0, 1))
        near = np.concatenate([best[:, None], near], 1)
        best, width = near[np.arange(12), merit(near).argmax(1)], 0.75 * width
    return merit(best).max()


@pytest.mark.parametrize("groups", [None, [0, 0]])
@pytest.mark.parametrize("goal", [SumRate(), ProportionalFair(), AlphaFair(2.0)], ids=repr)
def test_two_links_in_two_bands_reach_exhaustive_search(goal, groups):
    rng = np.random.default_rng(3)
    for _ in range(4):
        gain = gains(rng, 1, 2, links=2, mean_db=5, own_db=10)
        limits = limits_of(gain, limit=rng.uniform(0.3, 1, (1, 2)), groups=groups)
        own = PowerLimits(
            limits.total[0], limits.per_band[0], limits.group, limits.group_total[0], limits.sharing
        )
        wanted = searched(gain[0], own, goal, rng)
        found = bands.wmmse(gain, limits, goal, starts=20, iterations=200)
        assert goal.merit(bands.rates(gain, found))[0] >= wanted - 1e-3 * abs(wanted)


@pytest.mark.parametrize("goal", [ProportionalFair(), AlphaFair(2.0), QoS(0.05)], ids=repr)
def test_powers_are_stationary(goal):
    """Along moves of power between two bands of a link that both have some, the utility has no slope."""
    gain = gains(np.random.default_rng(4), 20, 3, links=4, mean_db=-5, own_db=15)
    power = bands.wmmse(gain, limits_of(gain), goal, iterations=3000).astype(np.float64)
    checked = 0
    for b, k in np.ndindex(20, 4):
        first, second = np.argsort(power[b, :, k])[:-3:-1]
        if power[b, second, k] < 0.05:
            continue
        step = np.zeros((3, 4))
        step[[first, second], k] = 1e-4, -1e-4
        around = [goal.utility(bands.rates(gain[b], power[b] + sign * step)) for sign in (1, 0, -1)]
        if isinstance(goal, QoS) and (bands.rates(gain[b], power[b]) < 2 * goal.min_rate).any():
            continue
        slope = (around[0] - around[2]) / 2e-4
        assert abs(slope) < 0.02 * max(1.0, abs(around[1]))
        checked += 1
    assert checked > 10


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_the_same_bits_alone_in_a_batch_and_with_threads(goal):
    gain = gains(np.random.default_rng(5), 9, 3, links=7)
    limits = limits_of(gain, groups=[0, 0, 1, 1, 1, -1, -1], exclusive=[0, 0, 0, 1, 1, -1, -1])
    together = bands.wmmse(gain, limits, goal, starts=3, threads=1)
    np.testing.assert_array_equal(together, bands.wmmse(gain, limits, goal, starts=3, threads=3))
    alone = limits_of(gain[4:5], groups=[0, 0, 1, 1, 1, -1, -1], exclusive=[0, 0, 0, 1, 1, -1, -1])
    np.testing.assert_array_equal(together[4:5], bands.wmmse(gain[4:5], alone, goal, starts=3, first_index=4))


def test_the_best_start_wins_and_given_starts_come_first():
    gain = gains(np.random.default_rng(6), 5, 2, links=4)
    limits, goal = limits_of(gain), Weighted(ProportionalFair(), np.arange(1.0, 5.0))
    given = np.full((5, 2, 2, 4), 3.0)
    every = bands.every_start(gain, limits, goal, starts=4, given=given)
    assert every.shape == (5, 6, 2, 4)
    merit = goal.merit(bands.rates(gain[:, None], every))
    best = bands.wmmse(gain, limits, goal, starts=4, given=given)
    np.testing.assert_allclose(goal.merit(bands.rates(gain, best)), merit.max(1), rtol=1e-12)
    clipped = bands.wmmse(gain, limits, given=given[:, :1], starts=0, iterations=0)
    np.testing.assert_allclose(clipped, 0.5, rtol=1e-6)


def test_exclusive_links_reach_the_best_assignment():
    rng = np.random.default_rng(7)
    cell = np.array([0, 0, 1, 1])
    received = 10 ** ((rng.normal(0, 6, (8, 2, 2, 4)) + 3) / 10)  # by each cell's receiver
    received[:, :, cell, np.arange(4)] *= 10
    gain = received[:, :, cell]
    best = np.full(8, -np.inf)
    for choice in np.ndindex(3, 3, 3, 3):  # who has each band of each cell, 2 for nobody
        open_to = np.zeros((2, 4))
        for place, who in enumerate(choice):
            if who < 2:
                open_to[place // 2, place % 2 * 2 + who] = 1.0
        found = bands.wmmse(gain, limits_of(gain, band_limit=open_to * np.ones((8, 1, 1))), starts=2)
        best = np.maximum(best, bands.rates(gain, found).sum(-1))
    power = bands.wmmse(gain, limits_of(gain, exclusive=cell), starts=20)
    assert bands.rates(gain, power).sum(-1).mean() >= 0.99 * best.mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: {"gain": g[0]}, r"\[B, F, K, K\]"),
        (lambda g: {"given": np.ones((2, 1, 2, 4))}, "given powers must be"),
        (lambda g: {"given": np.full((2, 1, 2, 3), np.nan)}, "NaN"),
        (lambda g: {"starts": 0}, "starts must be from 1"),
        (lambda g: {"limits": None}, "Network.limits"),
    ],
)
def test_bad_input_is_said(change, message):
    gain = gains(np.random.default_rng(8), 2, 2, links=3)
    with pytest.raises(ValueError, match=message):
        bands.wmmse(**{"gain": gain, "limits": limits_of(gain), **change(gain)})
