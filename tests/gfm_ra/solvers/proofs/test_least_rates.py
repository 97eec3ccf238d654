"""Least rates against the spectral radius, and max-min fairness against what it means."""

import numpy as np
import pytest

from gfm_ra.exact import feasible, max_min, optimum
from gfm_ra.goals import QoS
from gfm_ra.rates import spectral_efficiency
from tests.gfm_ra.solvers.proofs.test_exact import networks


def radius(gain, rates):
    """Largest spectral radius of D (F + 1 e_l'), which is at most 1 exactly if powers in [0, 1] meet the rates."""
    sinr = np.expm1(rates * np.log(2.0)) / np.diagonal(gain)
    others = gain - np.diag(np.diagonal(gain))
    found = []
    for link in range(len(gain)):
        noisy = others.copy()
        noisy[:, link] += 1.0
        found.append(np.abs(np.linalg.eigvals(sinr[:, None] * noisy)).max())
    return max(found)


@pytest.mark.parametrize("links", [1, 2, 5, 20])
def test_feasible_is_what_the_spectral_radius_says(links):
    rng = np.random.default_rng(links)
    gain = networks(links, 200)
    rates = rng.uniform(0.0, 1.0, (200, links)) * 10.0 ** rng.uniform(-2.5, 1.0, (200, 1))
    found = feasible(gain, rates)
    expected = np.array([radius(one, rate) <= 1.0 for one, rate in zip(gain, rates, strict=True)])
    assert 5 < expected.sum() < 195
    np.testing.assert_array_equal(found.feasible, expected)
    np.testing.assert_array_equal(found.relaxation >= 1.0, expected)
    met = spectral_efficiency(found.power, gain)
    assert (met >= np.minimum(found.relaxation, 1.0)[:, None] * rates * (1 - 1e-8)).all()
    assert ((found.power >= 0) & (found.power <= 1)).all()


def test_the_smallest_relaxation_is_met_and_more_is_not():
    gain = networks(6, 50)
    found = feasible(gain, 3.0)
    assert not found.feasible.all()
    assert feasible(gain, 3.0 * found.relaxation[:, None] * (1 - 1e-6)).feasible.all()
    assert not feasible(gain, 3.0 * found.relaxation[:, None] * (1 + 1e-6)).feasible.any()


@pytest.mark.parametrize("links", [1, 3, 30])
def test_max_min_gives_all_links_one_rate_that_no_powers_exceed(links):
    gain = networks(links, 20)
    power, rate = max_min(gain)
    rates = spectral_efficiency(power, gain)
    np.testing.assert_allclose(rates.min(-1), rate, rtol=1e-9)
    np.testing.assert_allclose(rates.max(-1), rate, rtol=1e-6)
    np.testing.assert_allclose(power.max(-1), 1.0)
    rng = np.random.default_rng(0)
    for _ in range(200):
        other = spectral_efficiency(rng.uniform(size=power.shape), gain).min(-1)
        assert (other <= rate * (1 + 1e-9)).all()


def test_shares_scale_the_rates():
    gain, shares = networks(4, 5), np.array([1.0, 2.0, 0.5, 1.0])
    power, rate = max_min(gain, shares)
    np.testing.assert_allclose(spectral_efficiency(power, gain), rate[:, None] * shares, rtol=1e-6)


def test_a_wish_that_can_be_met_costs_no_penalty():
    gain = networks(4, 10)
    rate = 0.9 * max_min(gain)[1]
    for one, least in zip(gain, rate, strict=True):
        found = optimum(one, QoS(least, 1000.0))
        met = spectral_efficiency(found.power.astype(np.float64), one)
        assert found.lower >= 4 * least - 1e-2 * met.sum()


def test_links_without_gain_and_bad_rates():
    gain = networks(3, 1)[0]
    silent = gain.copy()
    silent[1, 1] = 0.0
    assert not feasible(silent, 0.1).feasible
    assert feasible(silent, 0.1).relaxation == 0.0
    assert feasible(silent, np.array([0.1, 0.0, 0.1])).feasible
    for rates, message in (
        (-1.0, "not negative"),
        (0.0, "not all 0"),
        (np.ones(4), "do not fit"),
        (np.inf, "finite"),
    ):
        with pytest.raises(ValueError, match=message):
            feasible(gain, rates)
