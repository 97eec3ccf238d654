"""Laws of propagation against numbers worked out by hand from the standards' tables, and against closed forms."""

import numpy as np
import pytest
from scipy.stats import expon, gamma, kstest

from benchmarks.worlds.families.cellular import sector_gain_db, tier_losses_db
from benchmarks.worlds.families.indoor import enterprise_walls
from benchmarks.worlds.families.laws import (
    Law,
    corner_loss_db,
    factory,
    fading_db,
    mixed_office_sight,
    nakagami_db,
    office,
    open_office_sight,
    street_loss_db,
    uma,
    umi,
    wifi_loss_db,
)
from benchmarks.worlds.families.outdoor import manhattan_losses_db

# Law, horizontal distance (m), losses in and out of sight (dB): TR 38.901 table 7.4.1-1 by hand.
LOSSES = [
    (
        umi(6.0),
        100.0,
        89.996,
        109.630,
    ),  # 32.4 + 21 log10(100.361) + 15.563; 22.4 + 35.3 log10(100.361) + 16.575
    (umi(6.0), 1000.0, 119.389, 144.875),  # beyond 360.25 m: - 9.5 log10(360.25^2 + 8.5^2)
    (umi(6.0), 12.0, 72.480, 80.187),  # 14.705 m apart
    (
        uma(6.0),
        200.0,
        94.251,
        119.144,
    ),  # 28 + 22 log10(201.376) + 15.563; 13.54 + 39.08 log10(201.376) + 15.563
    (uma(6.0), 2000.0, 121.917, 158.108),  # beyond 960.66 m: - 9 log10(960.66^2 + 23.5^2)
    (office(4.0, mixed=False), 20.0, 66.988, 82.204),
    (office(4.0, mixed=True), 0.0, 49.649, 49.649),  # 2 m apart: out of sight no less than in sight
    (factory(3.5), 100.0, 85.177, 100.881),  # 31.84 + 43 + 10.337; 18.6 + 71.4 + 10.881
]


@pytest.mark.parametrize(("law", "flat_m", "in_sight_db", "blocked_db"), LOSSES)
def test_losses_are_those_of_the_table(
    law: Law, flat_m: float, in_sight_db: float, blocked_db: float
) -> None:
    found = law.loss_db(np.array([flat_m]))
    assert np.allclose(np.ravel(found), [in_sight_db, blocked_db], atol=2e-3)


@pytest.mark.parametrize(("law", "knee_m"), [(umi(6.0), 360.25), (uma(6.0), 960.66)])
def test_the_two_slopes_meet_at_the_breakpoint(law: Law, knee_m: float) -> None:
    near, far = law.loss_db(np.array([knee_m - 0.5, knee_m + 0.5]))[0]
    assert 0.0 < far - near < 0.06
    slope = np.diff(law.loss_db(np.array([2e3, 4e3]))[0])[0] / np.log10(2.0)
    assert slope == pytest.approx(40.0, abs=0.02)


def test_probabilities_of_sight_are_those_of_the_table() -> None:
    assert umi(6.0).sight_probability(np.array([5.0, 18.0, 100.0])) == pytest.approx(
        [1.0, 1.0, 0.230988], abs=1e-5
    )
    assert uma(6.0).sight_probability(np.array([18.0, 200.0])) == pytest.approx([1.0, 0.128043], abs=1e-5)
    assert open_office_sight(np.array([5.0, 20.0, 60.0])) == pytest.approx(
        [1.0, 0.809074, 0.512657], abs=1e-5
    )
    assert mixed_office_sight(np.array([1.2, 4.0, 20.0])) == pytest.approx(
        [1.0, 0.551152, 0.211497], abs=1e-5
    )
    # InF-DL: 2 m / -ln 0.4 = 2.1827 m.
    assert factory(3.5).sight_probability(np.array([2.1827])) == pytest.approx([np.exp(-1.0)], abs=1e-4)


def test_paths_are_in_sight_as_often_as_they_should_and_shadowed_as_much() -> None:
    law = umi(6.0)
    gain_db, factor = law.draw(np.full(100_000, 100.0), np.random.default_rng(1))
    in_sight = factor > 0
    assert in_sight.mean() == pytest.approx(0.230988, abs=0.006)
    assert gain_db[in_sight].mean() == pytest.approx(-89.996, abs=0.12)
    assert gain_db[~in_sight].mean() == pytest.approx(-109.630, abs=0.12)
    assert (gain_db[in_sight].std(), gain_db[~in_sight].std()) == pytest.approx((4.0, 7.82), abs=0.1)
    assert np.mean(10.0 * np.log10(factor[in_sight])) == pytest.approx(9.0, abs=0.15)


def test_fading_without_a_direct_path_is_exponential() -> None:
    power = 10.0 ** (fading_db(np.zeros(20_000), np.random.default_rng(2)) / 10.0)
    assert kstest(power, expon.cdf).pvalue > 1e-3
    assert kstest(power**1.1, expon.cdf).pvalue < 1e-3


@pytest.mark.parametrize("factor", [0.5, 8.0])
def test_rice_fading_has_the_moments_of_its_factor(factor: float) -> None:
    power = 10.0 ** (fading_db(np.full(200_000, factor), np.random.default_rng(3)) / 10.0)
    assert power.mean() == pytest.approx(1.0, abs=0.01)
    assert power.var() == pytest.approx((1.0 + 2.0 * factor) / (1.0 + factor) ** 2, abs=0.02)


@pytest.mark.parametrize("shape_m", [0.5, 3.0])
def test_nakagami_fading_is_gamma_distributed(shape_m: float) -> None:
    power = 10.0 ** (nakagami_db(shape_m, (20_000,), np.random.default_rng(4)) / 10.0)
    assert kstest(power, gamma(shape_m, scale=1.0 / shape_m).cdf).pvalue > 1e-3
    assert power.var() == pytest.approx(1.0 / shape_m, rel=0.1)


def test_a_street_is_the_other_published_form_of_winner_b1() -> None:
    """22.7 log10 d + 27 + 20 log10 f up to the breakpoint, 40 log10 d + 7.56 - 17.3 (...) + 2.7 log10 f beyond."""
    near, far = np.array([3.0, 10.0, 19.0]), np.array([21.0, 100.0, 900.0])
    carrier = np.log10(5.9)
    assert street_loss_db(near) == pytest.approx(22.7 * np.log10(near) + 27.0 + 20.0 * carrier, abs=0.03)
    rest_db = 7.56 - 2 * 17.3 * np.log10(0.5) + 2.7 * carrier
    assert street_loss_db(far) == pytest.approx(40.0 * np.log10(far) + rest_db, abs=0.03)
    assert street_loss_db(np.array(1.0)) == street_loss_db(np.array(3.0))


def test_round_a_corner_the_better_order_of_the_streets_counts() -> None:
    # 100 m, then 50 m: exponent 2.56; then 50 m and 100 m: exponent 2.68.
    street = street_loss_db(np.array([100.0, 50.0]))
    first = street[0] + 20.0 - 12.5 * 2.56 + 25.6 * np.log10(50.0) + 3.0 * np.log10(1.18)
    second = street[1] + 20.0 - 12.5 * 2.68 + 26.8 * np.log10(100.0) + 3.0 * np.log10(1.18)
    assert corner_loss_db(np.array(100.0), np.array(50.0)) == pytest.approx(min(first, second))
    assert corner_loss_db(np.array(50.0), np.array(100.0)) == pytest.approx(min(first, second))
    in_sight, blocked = manhattan_losses_db(np.array([[250.0, 0.0], [300.0, 400.0]]))
    assert in_sight == pytest.approx(street_loss_db(np.array([250.0, 500.0])))
    assert (blocked >= in_sight).all()


def test_wifi_losses_are_those_of_the_scenarios() -> None:
    none = np.zeros(1)
    assert wifi_loss_db(np.array([10.0]), none, none, 10.0, 7.0) == pytest.approx(66.849, abs=1e-3)
    # 35 log10(2) = 10.536 beyond 10 m, two walls of 7 dB.
    assert wifi_loss_db(np.array([20.0]), np.array([2.0]), none, 10.0, 7.0) == pytest.approx(91.385, abs=1e-3)
    # Knee at 5 m, one floor: 18.3 * 1^(1.5 - 0.46) = 18.3; two floors: 18.3 * 2^(4/3 - 0.46) = 33.52.
    floors = wifi_loss_db(np.full(2, 5.0), np.zeros(2), np.array([1.0, 2.0]), 5.0, 5.0)
    assert floors - wifi_loss_db(np.array([5.0]), none, none, 5.0, 5.0) == pytest.approx(
        [18.3, 33.524], abs=1e-2
    )
    assert enterprise_walls(np.array([5.0, 5.0]), np.array([[15.0, 15.0], [45.0, 25.0]])).tolist() == [
        0.0,
        3.0,
    ]


def test_a_sector_is_3_db_weaker_at_half_its_beam() -> None:
    assert sector_gain_db(np.array([0.0, 32.5, -32.5, 65.0, 180.0])).tolist() == [
        0.0,
        -3.0,
        -3.0,
        -12.0,
        -30.0,
    ]


def test_losses_of_two_tiers_are_those_of_their_table() -> None:
    user_home = np.array([[-1], [0], [1]])  # outdoors, in the first home, in the second
    macro_db, home_db = tier_losses_db(np.full((3, 1), 100.0), np.full((3, 2), 10.0), user_home, np.arange(2))
    assert macro_db[:, 0] == pytest.approx([90.5, 100.5, 100.5])
    own, through_one, through_two = 38.46 + 20.0 + 4.2, 58.46 + 4.2 + 10.0, 58.46 + 8.4 + 20.0
    assert home_db == pytest.approx(np.array([[through_one] * 2, [own, through_two], [through_two, own]]))
