"""Networks that fit measurements, and rates that are expected over them."""

import tracemalloc

import numpy as np
import pytest

from gfm_ra.measurements import expected
from gfm_ra.measurements.expected import estimated_gains_db, expected_rates
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency

GAIN_DB = np.array([[30.0, 5.0, np.nan], [0.0, 25.0, np.nan], [-5.0, -np.inf, 20.0]])
KNOWN_DB = np.where(np.isnan(GAIN_DB), 1.0, GAIN_DB)
LIMIT_DB = np.where(np.isnan(GAIN_DB), [[0.0], [-20.0], [0.0]], np.inf)


def drawn_gains_db(network: Network, draws: int) -> np.ndarray:
    return np.concatenate(list(expected.drawn_gains_db(network, draws)))  # [D, R, K, K]


def test_exactly_known_networks_have_one_draw():
    network = Network(gain_db=KNOWN_DB)
    drawn = drawn_gains_db(network, 5)
    np.testing.assert_array_equal(drawn, np.broadcast_to(network.gain_db, (5, 1, 3, 3)))
    power = np.array([[1.0, 0.5, 0.0]])
    found = expected_rates(network, power[None], 5)[0, 0]
    np.testing.assert_allclose(found, spectral_efficiency(power[0], network.gain))


def test_draws_have_the_stated_deviation():
    deviation = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 4.0], [0.0, 0.0, 1.0]])
    network = Network(gain_db=KNOWN_DB, uncertainty_db=deviation)
    known = np.isfinite(network.gain_db)
    drawn = drawn_gains_db(network, 4000)[:, 0][:, known]
    np.testing.assert_allclose(drawn.std(0), deviation[known], rtol=0.05, atol=1e-12)
    np.testing.assert_allclose(drawn.mean(0), network.gain_db[known], atol=0.2)


def test_unknown_gains_stay_below_their_limit():
    network = Network(gain_db=GAIN_DB, at_most_db=LIMIT_DB)
    drawn = drawn_gains_db(network, 500)[:, 0]
    assert set(np.unique(drawn[:, 0, 2])) == {-5.0, 0.0}  # the known gains between links at or below 0 dB
    assert (drawn[:, 1, 2] == -30.0).all()  # none is: 10 dB below the limit


def test_unknown_gains_without_a_limit_are_like_the_known_ones():
    drawn = drawn_gains_db(Network(gain_db=GAIN_DB), 500)[:, 0]
    assert set(np.unique(drawn[:, 0, 2])) == {-5.0, 0.0, 5.0}


def test_estimates_keep_what_is_known():
    network = Network(gain_db=GAIN_DB, at_most_db=LIMIT_DB, uncertainty_db=3.0)
    found = estimated_gains_db(network)
    known = ~np.isnan(GAIN_DB)
    np.testing.assert_array_equal(found[known], GAIN_DB[known])
    assert np.isfinite(found[~known]).all()
    assert (found[~known] <= LIMIT_DB[~known]).all()


def test_draws_are_the_same_at_every_call_and_keep_the_shape():
    network = Network(gain_db=np.stack([GAIN_DB, GAIN_DB]), uncertainty_db=2.0)
    np.testing.assert_array_equal(drawn_gains_db(network, 7), drawn_gains_db(network, 7))
    assert drawn_gains_db(network, 7).shape == (7, 2, 3, 3)
    assert estimated_gains_db(network).shape == (2, 3, 3)


def test_uncertainty_lowers_expected_rates_of_a_strong_link_by_what_a_mean_says():
    network = Network(gain_db=[[40.0]], uncertainty_db=6.0)
    mean = expected_rates(network, np.ones((1, 1, 1)), 20000)[0, 0, 0]
    assert mean == pytest.approx(40.0 / (10 * np.log10(2.0)), abs=0.03)  # log2 of the gain is linear in dB


def test_expected_rates_are_means_over_the_draws():
    network = Network(gain_db=GAIN_DB, at_most_db=LIMIT_DB, uncertainty_db=3.0)
    powers = np.array([[[1.0, 1.0, 1.0]], [[0.5, 0.0, 1.0]]])  # [P, R, K]
    gain = 10.0 ** (drawn_gains_db(network, 40) / 10.0)
    for power, found in zip(powers, expected_rates(network, powers, 40), strict=True):
        rates = spectral_efficiency(np.broadcast_to(power, gain.shape[:-1]), gain)
        np.testing.assert_allclose(found, rates.mean(0), rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 40, 10_000])
def test_the_parts_do_not_change_the_draws(at_once, monkeypatch):
    network = Network(gain_db=np.stack([GAIN_DB, GAIN_DB]), at_most_db=LIMIT_DB, uncertainty_db=3.0)
    whole, rates = drawn_gains_db(network, 11), expected_rates(network, np.ones((1, 2, 3)), 11)
    estimated = estimated_gains_db(network)
    monkeypatch.setattr(expected, "_PART_GAINS", at_once)
    assert max(map(len, expected.drawn_gains_db(network, 11))) == min(max(1, at_once // 18), 11)
    np.testing.assert_array_equal(drawn_gains_db(network, 11), whole)
    np.testing.assert_allclose(expected_rates(network, np.ones((1, 2, 3)), 11), rates, rtol=1e-12)
    np.testing.assert_allclose(estimated_gains_db(network), estimated, rtol=1e-12)


def test_draws_are_never_held_all_at_once():
    links, draws = 80, 512
    network = Network(gain_db=np.zeros((links, links)), uncertainty_db=3.0)
    tracemalloc.start()
    try:
        expected_rates(network, np.ones((3, 1, links)), draws)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        estimated_gains_db(network, draws)
        _, other = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert max(peak, other) < 8 * draws * links**2  # bytes of all draws: 26 MB
