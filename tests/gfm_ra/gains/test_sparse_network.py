"""Networks of edges say the same as matrices of gains, and refuse what a matrix could not hold."""

import tracemalloc

import numpy as np
import pytest

import gfm_ra

EDGES = {"links": 3, "receiver": [0, 1, 2, 0, 2], "transmitter": [0, 1, 2, 2, 1], "gain": [5.0, 6, 7, 1, 0.5]}
GAIN = np.array([[5.0, 0, 1], [0, 6, 0], [0, 0.5, 7]])


def edges_of(gain):
    receiver, transmitter = np.nonzero(np.ones_like(gain))
    return gfm_ra.Network.from_edges(len(gain), receiver, transmitter, gain.reshape(-1))


def test_edges_in_any_order_are_the_matrix_that_they_fill() -> None:
    order = np.random.default_rng(0).permutation(5)
    network = gfm_ra.Network.from_edges(
        3, *(np.array(EDGES[name])[order] for name in ("receiver", "transmitter", "gain"))
    )
    np.testing.assert_array_equal(network.dense_gain(), GAIN)
    assert (network.links, network.edges) == (3, 5)


def test_gains_in_db_are_the_same_network_and_minus_infinity_is_no_gain() -> None:
    gain_db = 10 * np.log10(EDGES["gain"])
    gain_db[-1] = -np.inf
    network = gfm_ra.Network.from_edges(3, EDGES["receiver"], EDGES["transmitter"], gain_db=gain_db)
    np.testing.assert_allclose(network.dense_gain()[:2], GAIN[:2])
    assert network.dense_gain()[2, 1] == 0


def test_both_directions_hold_the_same_gains() -> None:
    gain = np.random.default_rng(1).random((7, 7))
    network = edges_of(gain)
    for rows, matrix in ((network.by_receiver, gain), (network.by_transmitter, gain.T)):
        for link in range(7):
            part = slice(rows.start[link], rows.start[link + 1])
            np.testing.assert_array_equal(matrix[link, rows.other[part]], rows.gain[part])
            assert rows.other[part].tolist() == [other for other in range(7) if other != link]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rates_are_those_of_the_matrix(dtype) -> None:
    generator = np.random.default_rng(2)
    gain, power = generator.exponential(3.0, (9, 9)).astype(dtype), generator.random(9)
    expected = gfm_ra.spectral_efficiency(power, gain.astype(np.float64))
    np.testing.assert_allclose(edges_of(gain).rates(power), expected, rtol=1e-12)


def test_listed_edges_make_the_network_again() -> None:
    network = gfm_ra.Network.from_edges(**EDGES)
    again = gfm_ra.Network.from_edges(3, *network.listed())
    np.testing.assert_array_equal(again.dense_gain(), GAIN)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"links": 0}, "links must be a whole number"),
        ({"receiver": [0, 1, 2, 0, 3]}, r"receiver\[4\] is 3: links are numbered from 0 to 2"),
        ({"transmitter": [0, 1, -2, 2, 1]}, r"transmitter\[2\] is -2"),
        (
            {"receiver": [0, 1, 2, 0, 0], "transmitter": [0, 1, 2, 2, 2]},
            "edges 3 and 4 both go from transmitter 2",
        ),
        ({"transmitter": [0, 2, 2, 2, 1]}, "link 1 has no edge to itself"),
        ({"gain": [5.0, np.nan, 7, 1, 0.5]}, r"gain\[1\] is nan"),
        ({"gain": [5.0, 6, 7, -1, 0.5]}, r"gain\[3\] is -1.*gain_db="),
        ({"gain": [5.0, 6, np.inf, 1, 0.5]}, r"gain\[2\] is inf"),
        ({"gain": [5.0, 6, 7]}, "5 receivers, 5 transmitters and 3 gains"),
        ({"gain": None}, "either gain"),
        ({"receiver": [0.0, 1, 2, 0, 2]}, "whole numbers"),
        ({"transmit_power_w": [1.0, 2.0]}, "one number or one per link"),
        ({"cell": [0, 0, 0]}, "needs both"),
        ({"cell": [0, 0, 2], "far_gain": np.ones((3, 2))}, r"cell\[2\] is 2"),
        ({"cell": [0, 0, 0], "far_gain": np.ones((3, 2))}, "cell 1, in which no transmitter stands"),
        ({"cell": [0, 0, 0], "far_gain": [[1.0], [np.nan], [1]]}, r"far_gain\[1, 0\] is nan"),
        (
            {"cell": [0, 0, 0], "far_gain": np.ones((3, 1)), "far_largest": 2 * np.ones((3, 1))},
            "nowhere above",
        ),
    ],
)
def test_what_is_no_network_is_refused_by_its_edge(change, said) -> None:
    with pytest.raises(ValueError, match=said):
        gfm_ra.Network.from_edges(**(EDGES | change))


@pytest.mark.parametrize(
    ("there", "missing"), [([0], 1), ([1, 2], 0), ([0, 1, 3], 2), ([10**7 - 1], 0), ([], 0)]
)
def test_the_first_missing_own_gain_is_named_without_memory_for_all_links(there, missing) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"link {missing} has no edge.*{10**7 - len(there)} are missing"):
            gfm_ra.Network.from_edges(10**7, np.array(there, int), np.array(there, int), np.ones(len(there)))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**20


def with_far_field(generator, links=40, cells=5):
    """A matrix, the network that lists its large gains alone, and the sums of the others."""
    gain = generator.lognormal(0.0, 2.0, (links, links)) + 50 * np.eye(links)
    cell = np.concatenate([np.arange(cells), generator.integers(cells, size=links - cells)])
    listed = (gain > 2.0) | np.eye(links, dtype=bool)
    unlisted = np.where(listed, 0, gain)
    far = np.stack([unlisted[:, cell == c].sum(-1) for c in range(cells)], axis=-1)
    largest = np.stack([unlisted[:, cell == c].max(-1) for c in range(cells)], axis=-1)
    receiver, transmitter = np.nonzero(listed)
    network = gfm_ra.Network.from_edges(
        links, receiver, transmitter, gain[listed], cell=cell, far_gain=far, far_largest=largest
    )
    return gain, network


def test_where_all_of_a_cell_have_one_power_the_far_field_is_exact() -> None:
    generator = np.random.default_rng(3)
    gain, network = with_far_field(generator)
    power = generator.random(network.far.cells)[network.far.cell]
    np.testing.assert_allclose(network.rates(power), gfm_ra.spectral_efficiency(power, gain), rtol=1e-6)


@pytest.mark.parametrize("spread", ["uniform", "on-off"])
def test_true_rates_lie_within_the_bounds_of_the_far_field(spread) -> None:
    generator = np.random.default_rng(4)
    for _ in range(20):
        gain, network = with_far_field(generator)
        power = generator.random(network.links)
        power = power if spread == "uniform" else np.round(power)
        true = gfm_ra.spectral_efficiency(power, gain)
        least, most = network.rate_bounds(power)
        assert (least <= true * (1 + 1e-6)).all()
        assert (true <= most * (1 + 1e-6)).all()
        assert (least <= network.rates(power) + 1e-12).all()
        assert (network.rates(power) <= most + 1e-12).all()
