"""The simulator against the laws that it claims to draw from."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from components.channel.path_loss import path_loss
from components.channel.scenario import SCENARIOS
from components.channel.simulator import FADING_FLOOR, simulate

BARE = {"shadowing_db": 0.0, "fading": "none"}


@pytest.fixture
def excess_db(simulated_terms):
    """Gain in dB beyond transmit SNR and path loss, flat: shadowing and fading alone."""

    def excess(scenario, count, *key):
        terms = simulated_terms(scenario, count, 11, *key)
        return (10 * np.log10(terms.gain) - terms.path_gain_db - scenario.transmit_snr_db).ravel()

    return excess


@pytest.mark.parametrize("model", ["dual-slope", "itu1411"])
def test_without_randomness_gain_is_path_gain(model, simulated_terms):
    scenario = dataclasses.replace(SCENARIOS["D16"], path_loss=model, **BARE)
    terms = simulated_terms(scenario, 1100, 1)  # more than one block of layouts
    expected_db = scenario.transmit_snr_db - path_loss(model).loss_db(terms.distance_m)
    np.testing.assert_allclose(10 * np.log10(terms.gain), expected_db, atol=1e-4)


def test_rows_are_receivers_and_columns_transmitters(simulated_terms):
    scenario = dataclasses.replace(SCENARIOS["D1"], **BARE)
    terms = simulated_terms(scenario, 5, 2)
    offset = terms.layout.receivers[3, 7] - terms.layout.transmitters[3, 12]
    assert terms.distance_m[3, 7, 12] == pytest.approx(np.hypot(*offset))
    nearest = terms.gain.argmax(-1)  # own transmitter is nearest, so every row peaks on the diagonal
    assert (nearest == np.arange(scenario.links)).all()


def test_shadowing_is_normal_with_seven_db(excess_db):
    excess = excess_db(dataclasses.replace(SCENARIOS["D1"], fading="none"), 100, "shadowing")
    assert stats.kstest(excess / 7.0, "norm").pvalue > 0.01
    assert stats.kstest(excess / 6.8, "norm").pvalue < 1e-3  # the test tells 7 dB from 6.8 dB
    assert excess.std() == pytest.approx(7.0, rel=0.02)


def test_fading_power_is_exponential_with_unit_mean(excess_db):
    excess = excess_db(dataclasses.replace(SCENARIOS["D1"], shadowing_db=0.0), 100, "fading")
    power = 10 ** (excess / 10)
    assert stats.kstest(power, "expon").pvalue > 0.01
    assert stats.kstest(power * 1.03, "expon").pvalue < 1e-3  # the test tells a mean of 1 from 1.03
    assert power.min() >= FADING_FLOOR * 0.999


def test_shadowing_and_fading_are_independent_across_entries(excess_db):
    scenario = dataclasses.replace(SCENARIOS["D1"])
    excess = excess_db(scenario, 400, "independence").reshape(400, 20, 20)
    reverse = np.corrcoef(excess[:, 0, 1], excess[:, 1, 0])[0, 1]
    beside = np.corrcoef(excess[:, 0, 1], excess[:, 0, 2])[0, 1]
    after = np.corrcoef(excess[:-1, 0, 1], excess[1:, 0, 1])[0, 1]
    assert max(abs(reverse), abs(beside), abs(after)) < 0.2  # four standard deviations


@pytest.mark.parametrize("name", SCENARIOS)
def test_gain_statistics_of_the_reading_we_chose(name):
    gain_db = 10 * np.log10(simulate(SCENARIOS[name], 60, 5))
    links = SCENARIOS[name].links
    direct = np.diagonal(gain_db, axis1=1, axis2=2).mean()
    crossing = gain_db[:, ~np.eye(links, dtype=bool)].mean()
    assert 38.5 < direct < 46.5
    assert 5.5 < crossing < 7.5
    assert 13.5 < gain_db.std() < 16.5


def test_gains_are_positive_and_finite_float32():
    gain = simulate(SCENARIOS["D20"], 50, 1)
    assert gain.dtype == np.float32
    assert gain.shape == (50, 80, 80)
    assert np.isfinite(gain).all()
    assert (gain > 0).all()


def test_same_seed_same_bytes_other_seed_other_bytes():
    scenario = SCENARIOS["D3"]
    assert simulate(scenario, 30, 1).tobytes() == simulate(scenario, 30, 1).tobytes()
    assert simulate(scenario, 30, 1).tobytes() != simulate(scenario, 30, 2).tobytes()


def test_scenarios_have_streams_of_their_own():
    renamed = dataclasses.replace(SCENARIOS["D1"], name="copy")
    assert not np.array_equal(simulate(SCENARIOS["D1"], 2, 1), simulate(renamed, 2, 1))


@pytest.mark.parametrize("count", [0, -3])
def test_counts_below_one_are_refused(count):
    with pytest.raises(ValueError, match="count must be at least 1"):
        simulate(SCENARIOS["D1"], count, 1)
