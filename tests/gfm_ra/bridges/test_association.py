"""A receiver belongs to one transmitter, which has one link in a network, and what is ambiguous is refused."""

import numpy as np
import pytest

from gfm_ra.bridges import strongest
from gfm_ra.bridges.association import links_of

GAIN = np.array([[1.0, 9.0, 2.0], [8.0, 1.0, 1.0], [0.5, 0.1, 0.7]])


def test_the_strongest_transmitter_is_the_one_with_the_largest_gain() -> None:
    assert strongest(GAIN).tolist() == [1, 0, 2]
    assert strongest(path_gain_db=10 * np.log10(GAIN)).tolist() == [1, 0, 2]
    links = links_of("strongest", GAIN)
    assert (links.receiver.tolist(), links.transmitter.tolist()) == ([0, 1, 2], [1, 0, 2])


def test_unknown_gains_are_never_the_strongest() -> None:
    assert strongest([[np.nan, 1.0], [2.0, np.nan]]).tolist() == [1, 0]


def test_gains_of_0_db_are_gains_and_linear_gains_of_0_are_none() -> None:
    equal_db = np.array([[0.0, 0.0], [-3.0, 0.0], [-np.inf, 0.0]])
    assert strongest(path_gain_db=equal_db).tolist() == [0, 1, 1]
    assert strongest(10 ** (equal_db / 10)).tolist() == [0, 1, 1]
    for nothing in ({"path_gain": [[0.0, 0.0]]}, {"path_gain_db": [[-np.inf, np.nan]]}):
        with pytest.raises(ValueError, match="receiver 0 gets nothing"):
            strongest(**nothing)


def test_the_unit_of_gains_is_said_once_and_fits() -> None:
    with pytest.raises(ValueError, match=r"-90.*path_gain_db="):
        strongest([[-90.0, -80.0]])
    for given in ({}, {"path_gain": GAIN, "path_gain_db": GAIN}):
        with pytest.raises(ValueError, match="either path_gain"):
            strongest(**given)


def test_networks_of_a_batch_have_associations_of_their_own() -> None:
    both = np.stack([GAIN, GAIN[::-1]])
    links = links_of("strongest", both)
    assert links.transmitter.tolist() == [[1, 0, 2], [2, 0, 1]]
    assert links_of(strongest(both), both).transmitter.tolist() == links.transmitter.tolist()


def test_tables_and_indices_say_the_same() -> None:
    table = [[0, 1, 0], [0, 0, 0], [0, 0, 1]]
    for given in (table, np.array(table, bool), [1, -1, 2]):
        links = links_of(given, GAIN)
        assert (links.receiver.tolist(), links.transmitter.tolist()) == ([0, 2], [1, 2])


@pytest.mark.parametrize(
    ("association", "gain", "said"),
    [
        ("strongest", GAIN[[0, 0, 1]], "receivers 0 and 1 both belong to transmitter 1"),
        ("strongest", np.stack([GAIN, GAIN[[0, 1, 1]]]), "both belong to transmitter 0 in network 1"),
        ("strongest", GAIN[:2], "3 transmitters and 2 receivers"),
        ("strongest", np.where(np.arange(3)[:, None] == 1, 0.0, GAIN), "receiver 1 gets nothing"),
        ("nearest", GAIN, "'nearest'"),
        ([0, 0, 1], GAIN, "receivers 0 and 1 both belong to transmitter 0"),
        ([0, 1, 3], GAIN, "must be 0 to 2"),
        ([0, 1], GAIN, r"got \[2\]"),
        ([0.0, 1.0, 2.0], GAIN, "whole numbers"),
        ([-1, -1, -1], GAIN, "at least 1"),
        ([[1, 1, 0], [0, 0, 0], [0, 0, 1]], GAIN, "at most one 1 per row"),
        ([[1, 0], [0, 1]], np.ones((2, 2, 2)), "true and"),
        ([[0, 1, -1], [0, 1, 2]], np.stack([GAIN, GAIN]), "as many links"),
    ],
)
def test_what_is_ambiguous_is_one_line(association: object, gain: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        links_of(association, gain)
    assert "\n" not in str(caught.value)
