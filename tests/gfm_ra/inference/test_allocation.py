"""An answer explains itself: by the gains, powers and goal that it is of."""

import numpy as np
import pytest

import gfm_ra
from gfm_ra.explain.explanation import explain
from gfm_ra.goals import QoS, Weighted


@pytest.fixture(scope="module")
def gain() -> np.ndarray:
    return np.random.default_rng(0).exponential(10.0, (2, 3, 4, 4)) * (1 + 99 * np.eye(4))


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    return np.random.default_rng(1).random((2, 3, 4))


def test_one_network_explains_itself(gain: np.ndarray) -> None:
    answer = gfm_ra.load().allocate(gain_db=10.0 * np.log10(gain[0, 0]), goal="qos", min_rate=1.0)
    expected = explain(gain[0, 0], answer.power, QoS(1.0))
    assert str(answer.explain()) == str(expected)
    assert answer.explain().utility == pytest.approx(answer.utility)
    assert str(answer.explain(2)) == str(answer.explain().links[2])


def test_of_many_networks_an_index_says_which(gain: np.ndarray, weights: np.ndarray) -> None:
    answer = gfm_ra.load().allocate(gain=gain, goal="qos", weights=weights)
    for index in ((0, 0), (1, 2)):
        found = answer.explain(index=index)
        assert found.utility == pytest.approx(answer.utility[index])
        np.testing.assert_array_equal([link.power for link in found.links], answer.power[index].astype(float))
        np.testing.assert_allclose([link.rate for link in found.links], answer.rate[index])
        expected = explain(gain[index], answer.power[index], Weighted(QoS(), weights[index]))
        assert found == expected


def test_the_gains_are_referred_to_not_copied(gain: np.ndarray) -> None:
    network = gfm_ra.Network(gain)
    answer = gfm_ra.load().allocate(network)
    assert answer.network is network
    assert "network" not in repr(answer)
    flat = network.flattened()
    for part in gfm_ra.load().parts([flat], QoS(), "fast", gfm_ra.load().remarks(QoS(), "fast")):
        assert part.network is flat
        assert part.explain(index=5).utility == pytest.approx(part.utility[5])


def test_what_cannot_be_explained_is_one_line(gain: np.ndarray) -> None:
    many, one = gfm_ra.load().allocate(gain=gain), gfm_ra.load().allocate(gain=gain[0, 0])
    hidden = gain[0, 0].copy()
    hidden[0, 1] = np.nan
    for ask, said in (
        (lambda: many.explain(), r"2 x 3 networks: say which one, explain\(link, index=\.\.\.\)"),
        (lambda: many.explain(0, index=1), "there is no network 1"),
        (lambda: many.explain(0, index=(2, 0)), r"there is no network \(2, 0\)"),
        (lambda: many.explain(0, index=(0, -1)), "there is no network"),
        (lambda: one.explain(0, index=0), "leave the index out"),
        (lambda: one.explain(4), "there is no link 4"),
        (lambda: gfm_ra.load().allocate(gain=hidden).explain(), "receiver 0 from transmitter 1 is unknown"),
        (lambda: gfm_ra.Allocation(*[np.ones(4)] * 5).explain(), "needs a matrix of gains"),
    ):
        with pytest.raises(ValueError, match=said) as refusal:
            ask()
        assert "\n" not in str(refusal.value)
