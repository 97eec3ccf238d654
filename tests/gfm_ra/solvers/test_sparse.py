"""On networks of edges the solvers do what they do on matrices, and the far field is interference like any other."""

import numpy as np
import pytest

import gfm_ra
from components.channel.city import city_scenario, draw_city, sparse_network
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.core import loader
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import binding, fplinq, sparse, sparse_binding, wmmse

GOALS = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(2.0), AlphaFair(10.0)]


def gains(links, seed=0):
    """A scenario's gains, of some of its links."""
    return simulate(SCENARIOS["D20"], 1, seed)[0, :links, :links]


def network_of(gain, **far):
    receiver, transmitter = np.nonzero((gain > 0) | np.eye(len(gain), dtype=bool))
    return gfm_ra.Network.from_edges(len(gain), receiver, transmitter, gain[receiver, transmitter], **far)


def utility(power, gain, goal):
    return goal.utility(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)))


@pytest.fixture(scope="module")
def city():
    return sparse_network(draw_city(city_scenario(300), 3), strongest=15, candidates=80, cells=16)


# Agreement with matrices


@pytest.mark.parametrize("links", [1, 2, 7, 16, 33, 80])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_matrix_written_as_edges_gives_the_same_bits(goal, links) -> None:
    gain = gains(links)
    np.testing.assert_array_equal(sparse.wmmse(network_of(gain), goal), wmmse(gain, goal))


@pytest.mark.parametrize("name", loader.available())
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_every_instruction_set_agrees_with_the_matrix(goal, name, monkeypatch) -> None:
    library = loader.library_for(name)
    monkeypatch.setattr(sparse_binding, "_core", lambda: sparse_binding._typed(library))
    monkeypatch.setattr(binding, "_core", lambda: binding._typed(library))
    gain = gains(50)
    np.testing.assert_array_equal(sparse.wmmse(network_of(gain), goal), wmmse(gain, goal))
    ten, expected = sparse.wmmse(network_of(gain), goal, starts=10), wmmse(gain, goal, starts=10)
    np.testing.assert_allclose(utility(ten, gain, goal), utility(expected, gain, goal), rtol=1e-6)


@pytest.mark.parametrize("starts", [2, 5, 20])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_the_best_of_starts_is_that_of_the_matrix(goal, starts) -> None:
    gain = gains(50, seed=1)
    found = sparse.wmmse(network_of(gain), goal, starts=starts, seed=4, first_index=9)
    expected = wmmse(gain, goal, starts=starts, seed=4, first_index=9)
    np.testing.assert_allclose(utility(found, gain, goal), utility(expected, gain, goal), rtol=1e-6)


def test_gains_that_are_not_listed_are_zeros_of_the_matrix() -> None:
    gain = gains(60)
    cut = np.where((gain > np.median(gain)) | np.eye(60, dtype=bool), gain, np.float32(0))
    network = network_of(cut)
    assert network.edges < gain.size * 0.6
    np.testing.assert_array_equal(sparse.wmmse(network), wmmse(cut))


def test_weights_given_powers_tolerance_and_scheduling_mean_the_same() -> None:
    gain, generator = gains(40), np.random.default_rng(0)
    goal, power = Weighted(QoS(0.5, 8.0), generator.random(40)), generator.random(40, np.float32)
    for options in ({"initial_power": power, "iterations": 7}, {"tolerance": 1e-3}):
        np.testing.assert_array_equal(
            sparse.wmmse(network_of(gain), goal, **options), wmmse(gain, goal, **options)
        )
    np.testing.assert_array_equal(sparse.fplinq(network_of(gain)), fplinq(gain))


# The far field


@pytest.mark.parametrize("starts", [1, 6])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_far_field_is_a_matrix_of_equal_gains(goal, starts) -> None:
    """Two halves that hear each other through the far field alone."""
    generator, links = np.random.default_rng(5), 40
    gain = gains(links).astype(np.float64)
    cell = np.arange(links) % 2
    across = cell[:, None] != cell[None]
    sums = generator.lognormal(3.0, 1.0, links)
    far = np.where(np.arange(2) == cell[:, None], 0.0, sums[:, None])  # [K, 2]
    full = np.where(across, (sums / (links / 2))[:, None], gain).astype(np.float32)
    network = network_of(np.where(across, 0, gain).astype(np.float32), cell=cell, far_gain=far)
    # A few iterations: over many, strong fairness makes much of differences in rounding.
    found, expected = (
        solve(gains, goal, starts=starts, iterations=8)
        for solve, gains in ((sparse.wmmse, network), (wmmse, full))
    )
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_iterations_for_the_sum_rate_never_lower_it_with_a_far_field(city) -> None:
    reached = [city.rates(sparse.wmmse(city, iterations=count)).sum() for count in range(0, 30, 3)]
    assert (np.diff(reached) > -1e-4 * reached[0]).all()
    assert reached[-1] > 1.1 * reached[0]


def test_the_core_counts_rates_as_the_network_does(city) -> None:
    power = np.random.default_rng(1).random(city.links).astype(np.float32)
    np.testing.assert_allclose(sparse_binding.Solver(city).rates(power), city.rates(power), rtol=1e-6)


# Starts


def test_neither_threads_nor_what_stands_side_by_side_change_a_start(city) -> None:
    one, two = (sparse.wmmse(city, starts=40, iterations=10, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one, two)
    solver, goal = sparse_binding.Solver(city), sparse.compiled_form(SumRate(), 1, city.links, "test")
    together = solver.starts(goal, 0, 20, 10, 0, 0)
    for start in (0, 1, 19):
        alone = solver.starts(goal, start, start + 1, 10, 0, 0)[0]
        np.testing.assert_allclose(together[start], alone, atol=1e-4)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_more_starts_are_never_worse(goal, city) -> None:
    one, many = (city.rates(sparse.wmmse(city, goal, starts=starts, iterations=20)) for starts in (1, 17))
    assert goal.advantage(many, one) >= -1e-9


def test_a_silent_or_single_link_is_solved() -> None:
    alone = gfm_ra.Network.from_edges(1, [0], [0], [5.0])
    assert sparse.wmmse(alone).tolist() == [1.0]
    dead = gfm_ra.Network.from_edges(2, [0, 1], [0, 1], [0.0, 3.0])
    assert sparse.wmmse(dead, ProportionalFair())[1] == 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"starts": 0}, "starts must be from 1"),
        ({"initial_power": np.ones(3)}, "do not fit"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"objective": Weighted(SumRate(), np.ones(3))}, "do not fit"),
    ],
)
def test_what_does_not_fit_is_refused(options, said, city) -> None:
    with pytest.raises(ValueError, match=said):
        sparse.wmmse(city, **options)
