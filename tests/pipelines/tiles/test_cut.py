"""Cuts are balanced, compact and complete; halos are as deep as they say."""

import numpy as np
import pytest

from gfm_ra.network import Network
from pipelines.tiles.cut import by_couplings, by_positions, neighbours, surrounded
from tests.pipelines.tiles.networks import chain, city


@pytest.mark.parametrize(("links", "tiles"), [(1, 1), (7, 7), (100, 1), (1000, 7), (1001, 16)])
def test_tiles_are_of_equal_size_and_hold_every_link_once(links, tiles) -> None:
    position_m = np.random.default_rng(0).random((links, 2))
    for owner in (by_positions(position_m, tiles), by_couplings(neighbours(chain(links)), tiles)):
        sizes = np.bincount(owner, minlength=tiles)
        assert len(sizes) == tiles
        assert np.ptp(sizes) <= 2


def test_tiles_of_a_k_d_tree_are_boxes_apart() -> None:
    position_m = np.random.default_rng(1).random((500, 2)) * (3000.0, 1000.0)
    owner = by_positions(position_m, 6)
    boxes = [(position_m[owner == tile].min(0), position_m[owner == tile].max(0)) for tile in range(6)]
    for tile, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[tile + 1 :]:
            assert (high < other_low).any() or (other_high < low).any()


def test_a_k_d_tree_does_not_ask_for_the_order_of_links() -> None:
    generator = np.random.default_rng(2)
    position_m, order = generator.random((300, 2)), generator.permutation(300)
    np.testing.assert_array_equal(by_positions(position_m[order], 8), by_positions(position_m, 8)[order])


def test_couplings_cut_a_chain_into_intervals() -> None:
    shuffled = np.random.default_rng(3).permutation(120)
    receiver, transmitter, gain = chain(120).listed()
    network = Network.from_edges(120, shuffled[receiver], shuffled[transmitter], gain)
    along = by_couplings(neighbours(network), 8)[
        shuffled
    ]  # the tiles of the links as they stand in the chain
    assert (along[1:] != along[:-1]).sum() == 7


def test_couplings_cut_a_city_almost_as_positions_do() -> None:
    drawn, network = city(1200)
    coupled = neighbours(network)
    ends = np.repeat(np.arange(1200), np.diff(coupled.start))

    def severed(owner: np.ndarray) -> float:
        return float((owner[ends] != owner[coupled.other]).mean())

    by_chance = severed(np.random.default_rng(4).permutation(np.arange(1200) % 6))
    assert severed(by_couplings(coupled, 6)) < 2.0 * severed(by_positions(drawn.transmitters, 6)) < by_chance


def test_links_that_nobody_hears_are_cut_as_well() -> None:
    everyone = np.arange(50)
    alone = Network.from_edges(50, everyone, everyone, np.ones(50))
    assert np.bincount(by_couplings(neighbours(alone), 4)).tolist() == [12, 13, 12, 13]


@pytest.mark.parametrize("hops", [0, 1, 3])
def test_a_halo_is_so_many_neighbours_deep(hops) -> None:
    inner = np.arange(10, 20)
    expected = [*range(10 - hops, 10), *range(20, 20 + hops)]
    assert surrounded(neighbours(chain(40)), inner, hops).tolist() == expected


def test_weak_gains_make_no_neighbours() -> None:
    assert neighbours(chain(10, gain=0.001)).other.size == 0
    assert neighbours(chain(10, gain=0.001), share=0.0).other.size == 36  # both ends of 18 gains
