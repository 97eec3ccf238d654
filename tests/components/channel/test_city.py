"""Cities follow the laws of the scenarios, and their listed gains are those of their matrix."""

import numpy as np
import pytest

from components.channel.city import city_scenario, dense_gain, draw_city, sparse_network
from components.channel.scenario import Scenario
from components.channel.simulator import simulate
from gfm_ra.rates import spectral_efficiency

LINKS = 600


@pytest.fixture(scope="module")
def city():
    return draw_city(city_scenario(LINKS), 7)


@pytest.fixture(scope="module")
def gain(city):
    return dense_gain(city)


def test_every_receiver_is_inside_within_reach_and_nearest_to_its_own_transmitter(city) -> None:
    offset = city.receivers[:, None] - city.transmitters[None]
    distance = np.hypot(offset[..., 0], offset[..., 1])
    assert (distance.argmin(-1) == np.arange(LINKS)).all()
    assert distance.diagonal().min() >= 1.0
    assert distance.diagonal().max() <= 100.0
    for positions in (city.receivers, city.transmitters):
        assert positions.min() >= 0
        assert positions.max() <= city.scenario.area_m


def test_listed_gains_are_the_entries_of_the_matrix_and_the_largest_of_the_near_ones(city, gain) -> None:
    network = sparse_network(city, strongest=20, candidates=LINKS)
    receiver, transmitter, values = network.listed()
    np.testing.assert_array_equal(values, gain[receiver, transmitter])
    crossing = np.where(np.eye(LINKS, dtype=bool), 0, gain)
    for link in (0, 17, LINKS - 1):
        others = network.by_receiver.other[
            network.by_receiver.start[link] : network.by_receiver.start[link + 1]
        ]
        assert sorted(others) == sorted(np.argsort(-crossing[link])[:20])


def test_the_far_field_is_exact_where_all_are_candidates(city, gain) -> None:
    network = sparse_network(city, candidates=LINKS)
    unlisted = gain.astype(np.float64)
    receiver, transmitter, _ = network.listed()
    unlisted[receiver, transmitter] = 0
    for cell in range(network.far.cells):
        there = unlisted[:, network.far.cell == cell]
        np.testing.assert_allclose(network.far.gain[:, cell], there.sum(-1), rtol=1e-5)
        np.testing.assert_array_equal(network.far.largest[:, cell], there.max(-1))
    power = np.random.default_rng(0).random(LINKS)
    least, most = network.rate_bounds(power)
    true = spectral_efficiency(power, gain.astype(np.float64))
    assert (least <= true * (1 + 1e-6)).all()
    assert (true <= most * (1 + 1e-6)).all()


def test_means_of_far_transmitters_add_up_to_what_the_matrix_holds(city, gain) -> None:
    network = sparse_network(city)
    unlisted = gain.astype(np.float64)
    receiver, transmitter, _ = network.listed()
    unlisted[receiver, transmitter] = 0
    assert abs(network.far.gain.sum() / unlisted.sum() - 1) < 0.02
    apart_db = 10 * np.log10(network.far.gain.sum(-1) / unlisted.sum(-1))
    assert np.abs(apart_db).mean() < 0.2
    assert network.far.largest is None


def test_a_city_is_the_same_again_whatever_lists_it(city) -> None:
    again = draw_city(city_scenario(LINKS), 7)
    np.testing.assert_array_equal(again.receivers, city.receivers)
    few, many = sparse_network(again, candidates=60), sparse_network(city, candidates=120)
    np.testing.assert_array_equal(few.own, many.own)
    assert not np.array_equal(draw_city(city_scenario(LINKS), 8).receivers, city.receivers)


def test_gains_follow_the_law_of_the_dense_simulator() -> None:
    scenario = Scenario("D19-like", 65, 1.0, 100.0)
    ours = np.stack([dense_gain(draw_city(scenario, seed)) for seed in range(150)])
    theirs = simulate(scenario, 150, 3)
    for axis in (np.eye(65, dtype=bool), ~np.eye(65, dtype=bool)):
        one, other = (10 * np.log10(gains[:, axis]) for gains in (ours, theirs))
        assert abs(one.mean() - other.mean()) < 0.35
        for quantile in (0.05, 0.5, 0.95):
            assert abs(np.quantile(one, quantile) - np.quantile(other, quantile)) < 1.0


def test_shadowing_and_fading_are_left_out_where_the_scenario_has_none() -> None:
    city = draw_city(city_scenario(30, shadowing_db=0.0, fading="none"), 0)
    offset = city.receivers[:, None] - city.transmitters[None]
    distance = np.hypot(offset[..., 0], offset[..., 1])
    loss_db = 39 + 20 * np.log10(distance) + 20 * np.log10(np.maximum(distance / 100, 1))
    expected = city.scenario.transmit_snr_db - loss_db
    np.testing.assert_allclose(10 * np.log10(dense_gain(city)), expected, rtol=1e-4)


def test_hopeless_layouts_and_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="no admissible layout"):
        draw_city(Scenario("full", 50, 90.0, 100.0, area_m=100.0), 0)
    with pytest.raises(ValueError, match="at least 1"):
        sparse_network(draw_city(city_scenario(5), 0), strongest=0)
