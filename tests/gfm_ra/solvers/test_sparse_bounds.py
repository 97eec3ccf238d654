"""Upper bounds of sparse networks: above every powers' utility, and those of the matrix where all gains are listed."""

import numpy as np
import pytest

import gfm_ra
from components.channel.city import city_scenario, draw_city, sparse_network
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.bounds import bounds as bounds_of_matrix
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.solvers import sparse
from gfm_ra.solvers.sparse_bounds import bounds, upper

GOALS = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(2.0)]


@pytest.fixture(scope="module")
def city():
    return sparse_network(draw_city(city_scenario(150), 1), strongest=12, candidates=40, cells=9)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_nothing_is_above_a_bound(city, goal) -> None:
    generator = np.random.default_rng(0)
    for aim in (goal, Weighted(goal, generator.random(150))):
        found = bounds(city, aim)
        assert upper(city, aim) == min(found.values())
        powers = [sparse.wmmse(city, aim, starts=10), generator.random(150), np.ones(150)]
        for power in powers:
            assert aim.utility(city.rates(power)) <= upper(city, aim)


def test_groups_are_tighter_than_single_links(city) -> None:
    found = {size: bounds(city, group=size) for size in (2, 4)}
    assert found[4]["groups"] < found[2]["groups"] < found[2]["single-links"]
    reached = city.rates(sparse.wmmse(city, starts=10)).sum()
    assert found[4]["groups"] - reached < 0.9 * (found[4]["single-links"] - reached)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_matrix_written_as_edges_has_its_bounds(goal) -> None:
    gain = simulate(SCENARIOS["D16"], 1, 2)[0].astype(np.float64)
    receiver, transmitter = np.nonzero(gain)
    network = gfm_ra.Network.from_edges(20, receiver, transmitter, gain[receiver, transmitter])
    found, expected = bounds(network, goal), bounds_of_matrix(gain, goal)
    assert found["single-links"] == pytest.approx(float(expected["single-links"]), rel=1e-9)
    # Groups may differ where links cost each other nothing.
    assert found["groups"] == pytest.approx(float(expected["groups"]), rel=0.02)


def test_links_that_hear_nobody_are_solved_alone() -> None:
    network = gfm_ra.Network.from_edges(3, [0, 1, 2], [0, 1, 2], [1.0, 3.0, 7.0])
    assert upper(network) == pytest.approx(6.0, rel=1e-3)
    assert upper(network) >= 6.0


def test_what_has_no_bound_is_refused(city) -> None:
    with pytest.raises(ValueError, match="energy efficiency"):
        bounds(city, gfm_ra.EnergyEfficiency(0.1))
    with pytest.raises(ValueError, match="2 to 8"):
        bounds(city, group=1)
    with pytest.raises(ValueError, match="do not fit"):
        bounds(city, Weighted(SumRate(), np.ones(3)))
