"""A tile sees the rest of the network as it is: the same rates, and the same derivatives of the whole utility."""

import numpy as np
import pytest

from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.network import Network
from pipelines.tiles.boundary import boundary
from pipelines.tiles.cut import by_positions, neighbours
from pipelines.tiles.subproblem import continued, opening
from pipelines.tiles.tile import tiles_of
from tests.pipelines.tiles.networks import chain, city

LINKS = 400
GOALS = [SumRate(), ProportionalFair(), QoS(0.5, 4.0), AlphaFair(0.5), AlphaFair(2.0)]
WEIGHTS = np.random.default_rng(9).uniform(0.2, 3.0, LINKS)


@pytest.fixture(scope="module")
def network():
    return double(city(LINKS)[1])


def double(network):
    """The same in float64, in which small differences can be told."""
    far = network.far
    receiver, transmitter, gain = network.listed()
    return Network.from_edges(
        network.links, receiver, transmitter, gain.astype(np.float64), cell=far.cell, far_gain=far.gain
    )


@pytest.fixture(scope="module")
def tiles(network):
    owner = by_positions(city(LINKS)[0].transmitters, 4)
    return tiles_of(network, owner, neighbours(network), WEIGHTS)


@pytest.fixture(scope="module")
def power():
    generator = np.random.default_rng(5)
    drawn = generator.uniform(0.05, 0.95, LINKS)
    return np.where(generator.random(LINKS) < 0.2, 0.0, drawn).astype(np.float32)


def test_every_link_is_answered_by_one_tile(tiles) -> None:
    answered = np.concatenate([tile.links[: tile.inner] for tile in tiles])
    assert sorted(answered) == list(range(LINKS))
    assert all(tile.inner < tile.free < len(tile.links) < LINKS for tile in tiles)


def test_rates_are_those_in_the_whole_network(network, tiles, power) -> None:
    rate = network.rates(power)
    told = boundary(network, power, rate, SumRate())
    for tile in tiles:
        asked = opening(tile, told)
        np.testing.assert_array_equal(asked.power, power[tile.links[: tile.free]])
        np.testing.assert_allclose(asked.network.rates(asked.power), rate[tile.links[: tile.free]], rtol=1e-5)


def test_receivers_of_the_ring_keep_their_rates(network, tiles, power) -> None:
    rate = network.rates(power)
    told = boundary(network, power, rate, SumRate())
    for tile in tiles:
        asked = continued(tile, told, SumRate())
        ring = tile.links[tile.free :]
        heard = ring[power[ring] > 0]
        found = asked.network.rates(asked.power)[tile.free : tile.free + len(heard)]
        np.testing.assert_allclose(found, rate[heard], rtol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_tile_is_charged_what_the_whole_network_loses(
    network, power, goal: Objective, weighted: bool
) -> None:
    """The derivatives by the powers of its free links agree; of QoS, whose price has a ramp for a jump, roughly."""
    whole = Weighted(goal, WEIGHTS) if weighted else goal
    owner = by_positions(city(LINKS)[0].transmitters, 4)
    tile = tiles_of(network, owner, neighbours(network), WEIGHTS if weighted else None)[1]
    told = boundary(network, power, network.rates(power), whole)
    asked = continued(tile, told, goal)
    part = goal if asked.weights is None else Weighted(goal, asked.weights)
    chosen = [place for place in range(tile.free) if power[tile.links[place]] > 0][::9]
    found = [slope(asked.network, part, asked.power, place) for place in chosen]
    expected = [slope(network, whole, power, tile.links[place]) for place in chosen]
    error = 0.05 if isinstance(goal, QoS) else 2e-3
    np.testing.assert_allclose(found, expected, rtol=error, atol=error * np.median(np.abs(expected)))


def slope(network, goal, power, link):
    """Derivative of the utility by one power."""
    step = 1e-4
    moved = np.repeat(power[None].astype(np.float64), 2, 0)
    moved[:, link] += (step, -step)
    more, less = (float(goal.utility(network.rates(each))) for each in moved)
    return (more - less) / (2 * step)


def test_a_network_without_a_far_field_is_cut_as_well() -> None:
    network, power = chain(30), np.linspace(0.1, 1.0, 30, dtype=np.float32)
    tile = tiles_of(network, np.arange(30) // 10, neighbours(network))[1]
    told = boundary(network, power, network.rates(power), SumRate())
    rate = network.rates(power)[tile.links]
    found = continued(tile, told, SumRate())
    np.testing.assert_allclose(found.network.rates(found.power), rate, rtol=1e-6)
