"""Links of a band that are changed together: budgets, sharing, or a common transmitter or receiver."""

import numpy as np

import gfm_ra
from gfm_ra.inference.bands.cells import MOST_PARTS, parts_of
from gfm_ra.inference.bands.problem import Problem
from gfm_ra.network import Network


def parts(gain, **options):
    network = Network(gain, bands=True, **options)
    return parts_of(Problem(network.gain, network.limits, gfm_ra.SumRate()))


def gains(links, seed=1):
    return np.random.default_rng(seed).exponential(size=(2, 3, links, links))


def test_groups_come_first_and_links_without_one_are_a_part():
    found = parts(gains(5), groups=[0, 0, 1, 1, -1])
    assert found.astype(int)[0].tolist() == [[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    assert (parts(gains(4), exclusive=[0, 1, 1, 0])[1].astype(int) == [[1, 0, 0, 1], [0, 1, 1, 0]]).all()


def test_links_of_one_receiver_or_one_transmitter_are_found():
    gain = gains(4)
    gain[0, :, 1] = gain[0, :, 0]  # links 0 and 1 of the first network have one receiver
    found = parts(gain)
    assert found[0].astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert found.shape[1] == 4
    turned = parts(gain.swapaxes(-1, -2))
    assert (turned[0] == found[0]).all()


def test_networks_without_cells_or_with_many_are_changed_as_a_whole():
    assert parts(gains(4)).shape[1] == 0
    many = np.arange(2 * (MOST_PARTS + 1)) // 2
    assert parts(gains(len(many)), groups=many).shape[1] == 0
