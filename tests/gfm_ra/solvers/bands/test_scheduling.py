"""Schedules over bands, water-filling, and limits in random networks."""

import numpy as np

import gfm_ra
from benchmarks.bands.solver_limits import largest_excesses
from gfm_ra import solvers
from gfm_ra.solvers import bands


def gains(seed, *shape, links):
    found = 10 ** np.random.default_rng(seed).normal(0, 0.8, (*shape, links, links))
    found[..., np.arange(links), np.arange(links)] *= 10
    return found.astype(np.float32)


def test_one_band_without_limits_is_fplinq():
    gain = gains(0, 200, 1, links=8)
    found = bands.scheduled(gain, gfm_ra.Network(gain, bands=True).limits)
    np.testing.assert_array_equal(found[:, 0], solvers.fplinq(gain[:, 0]))


def test_scheduled_powers_are_silent_or_equal():
    gain = gains(1, 50, 4, links=6)
    power = bands.scheduled(gain, gfm_ra.Network(gain, bands=True).limits)
    on = power > 0
    expected = on / np.maximum(on.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(power, expected, rtol=1e-6)
    assert 0.1 < on.mean() < 0.9


def test_proportional_fair_gives_each_band_of_a_cell_to_one_link():
    gain = gains(2, 30, 6, links=6)
    cell = np.array([0, 0, 0, 1, 1, 1])
    power = bands.proportional_fair_schedule(gain, gfm_ra.Network(gain, bands=True, exclusive=cell).limits)
    for number in (0, 1):
        assert ((power[:, :, cell == number] > 0).sum(-1) == 1).all()
    # Six bands and three links: nobody is left out, for who has had less comes first.
    assert (power > 0).any(1).mean() > 0.95


def test_a_link_with_a_high_average_rate_waits():
    gain = gains(3, 30, 1, links=2)
    limits = gfm_ra.Network(gain, bands=True, exclusive=[0, 0]).limits
    power = bands.proportional_fair_schedule(gain, limits, average_rate=np.array([1e6, 1.0]))
    assert (power[:, 0, 1] > 0).all()
    power = bands.proportional_fair_schedule(gain, limits, np.array([1e9, 1.0]))
    assert (power[:, 0, 0] > 0).all()


def test_water_filling_ends_where_every_link_is_at_its_own_best():
    gain = gains(4, 10, 4, links=3) * np.where(np.eye(3), 1, 0.02).astype(np.float32)
    limits = gfm_ra.Network(gain, bands=True, limit=0.6).limits
    power = bands.water_filling(gain, limits, iterations=200).astype(np.float64)
    own = np.diagonal(gain, axis1=-2, axis2=-1)  # [B, F, K]
    floor = (1 + np.einsum("bfkj,bfj->bfk", gain * (1 - np.eye(3)), power)) / own
    level = np.where(power > 1e-6, power + floor, np.nan)
    np.testing.assert_allclose(np.nanmin(level, 1), np.nanmax(level, 1), rtol=1e-4)
    assert (np.where(power > 1e-6, np.inf, floor) >= np.nanmax(level, 1)[:, None] * (1 - 1e-4)).all()
    np.testing.assert_allclose(power.sum(1), 0.6, rtol=1e-6)


def test_limits_hold_in_a_hundred_thousand_random_networks():
    assert max(largest_excesses(100_000, seed=1).values()) <= 1e-6


def test_large_and_small_sizes():
    for count, links in ((1, 1), (64, 1), (1, 200), (64, 200)):
        gain = gains(5, 1, count, links=links)
        limits = gfm_ra.Network(gain, bands=True, groups=np.arange(links) % 7 if links > 7 else None).limits
        power = bands.wmmse(gain, limits, iterations=5)
        assert np.isfinite(power).all()
        assert limits.excess(power.astype(np.float64)).max() <= 1e-6
