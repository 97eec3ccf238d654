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


NUMBERS = [[10, 1, 0], [1, 10, 2], [0, 3, 8]]


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (np.int8, np.float64), (np.int64, np.float64), (np.uint16, np.float64), (np.float16, np.float64),
        (np.float32, np.float32), (np.float64, np.float64), (">f4", np.float32), (">f8", np.float64),
        (">i4", np.float64), (np.longdouble, np.float64),
    ],
)  # fmt: skip
def test_every_type_of_number_gives_bits(kind, answer):
    power = np.ones(3, np.float32)
    expected = rates_by_hand([1, 1, 1], NUMBERS)
    rates = spectral_efficiency(power, np.array(NUMBERS, kind))
    assert rates.dtype == answer
    np.testing.assert_allclose(rates, expected, rtol=1e-6)
    np.testing.assert_allclose(
        spectral_efficiency(np.array([1, 1, 1], kind), np.array(NUMBERS, kind)), expected, rtol=1e-6
    )


def test_lists_and_views_give_bits():
    expected = rates_by_hand([1, 0, 1], NUMBERS)
    wide = np.zeros((6, 6), np.float32)
    wide[::2, ::2] = NUMBERS
    for gain in (NUMBERS, wide[::2, ::2], np.asfortranarray(np.array(NUMBERS, np.float32))):
        np.testing.assert_allclose(spectral_efficiency([1, 0, 1], gain), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("power", "gain", "problem"),
    [
        ([1, 1], np.ones((2, 2), complex), "gain must hold real numbers"),
        ([1, 1], np.ones((2, 2), bool), "gain must hold real numbers"),
        (np.array([True, True]), np.ones((2, 2)), "power must hold real numbers"),
        (["1", "1"], np.ones((2, 2)), "power must hold real numbers"),
        ([1, 1], np.ones((2, 3)), "K, K"),
        ([1, 1, 1], np.ones((2, 2)), "K, K"),
        (1.0, np.ones((2, 2)), "K, K"),
        ([1], np.ones(1), "K, K"),
    ],
)
def test_what_is_no_number_or_does_not_fit_is_refused(power, gain, problem):
    with pytest.raises(ValueError, match=problem):
        spectral_efficiency(power, gain)


def test_gain_and_noise_share_a_unit():
    """Noise of N units and gains N times as large are the same network: SINR = g p / (I + N)."""
    gain, power = np.array(NUMBERS, np.float64), np.array([0.3, 1.0, 0.5])
    expected = [
        math.log2(
            1 + 7 * gain[k, k] * power[k] / (7 * sum(gain[k, j] * power[j] for j in range(3) if j != k) + 7)
        )
        for k in range(3)
    ]
    np.testing.assert_allclose(spectral_efficiency(power, gain), expected, rtol=1e-12)
