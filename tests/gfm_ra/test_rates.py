"""Rates against the formula written out, and against what float32 does to it."""

import math

import numpy as np
import pytest

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.rates import spectral_efficiency


def rates_by_hand(power, gain):
    """Equations (1) and (2), one number at a time."""
    links = len(power)
    rates = []
    for k in range(links):
        interference = sum(gain[k][j] * power[j] for j in range(links) if j != k)
        rates.append(math.log2(1 + gain[k][k] * power[k] / (interference + 1)))
    return rates


@pytest.fixture(scope="module")
def network():
    gain = simulate(SCENARIOS["D1"], 8, 3)
    power = np.random.default_rng(1).random((8, 20), dtype=np.float32)
    return power, gain


def test_matches_the_formula(network):
    power, gain = network
    expected = [rates_by_hand(p.tolist(), g.tolist()) for p, g in zip(power, gain, strict=True)]
    np.testing.assert_allclose(spectral_efficiency(power, gain), expected, rtol=2e-6)


def test_leading_dimensions_broadcast(network):
    power, gain = network
    many = np.stack([power, power / 2, power / 3])  # [3, 8, K] against [8, K, K]
    rates = spectral_efficiency(many, gain)
    assert rates.shape == (3, 8, 20)
    np.testing.assert_allclose(rates[2], spectral_efficiency(power / 3, gain), rtol=1e-6)


def test_weak_links_beside_a_strong_own_signal_do_not_cancel():
    # total minus own signal would lose the interference of 0.5 next to 1e9 altogether
    gain = np.array([[1e9, 0.5], [0.0, 1.0]], dtype=np.float32)
    rate = spectral_efficiency(np.ones(2, np.float32), gain)[0]
    assert rate == pytest.approx(math.log2(1 + 1e9 / 1.5), rel=1e-6)


def test_tiny_rates_keep_their_digits():
    gain = np.array([[1e-9]], dtype=np.float32)
    assert spectral_efficiency(np.ones(1, np.float32), gain)[0] == pytest.approx(1e-9 / math.log(2), rel=1e-5)


def test_permuting_links_permutes_rates(network):
    power, gain = network
    order = np.random.default_rng(2).permutation(20)
    rates = spectral_efficiency(power[:, order], gain[:, order][:, :, order])
    np.testing.assert_allclose(rates, spectral_efficiency(power, gain)[:, order], rtol=1e-5)
