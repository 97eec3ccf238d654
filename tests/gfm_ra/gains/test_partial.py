"""Uncertain gains and limits of unknown ones are checked where the network is made, and follow it everywhere."""

import numpy as np
import pytest

import gfm_ra

GAIN_DB = np.array([[10.0, np.nan], [1.0, 20.0]])


def test_uncertainty_is_one_number_or_one_per_gain_and_nothing_where_the_gain_is_unknown() -> None:
    one = gfm_ra.Network(gain_db=GAIN_DB, uncertainty_db=2.0).uncertainty_db
    each = gfm_ra.Network(gain_db=GAIN_DB, uncertainty_db=[[2, 7], [2, 2]]).uncertainty_db
    assert one is not None
    assert one.tolist() == [[2, 0], [2, 2]]
    np.testing.assert_array_equal(one, each)


def test_rows_of_transmitters_are_turned_with_the_gains() -> None:
    turned = gfm_ra.Network(
        gain_db=GAIN_DB.T,
        uncertainty_db=[[1, 2], [3, 4]],
        at_most_db=[[np.nan, np.nan], [-3.0, np.nan]],
        orientation="rows-are-transmitters",
    )
    assert turned.uncertainty_db is not None
    assert turned.at_most_db is not None
    assert turned.uncertainty_db.tolist() == [[1, 0], [2, 4]]
    assert turned.at_most_db.tolist() == [[np.inf, -3], [np.inf, np.inf]]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"uncertainty_db": -1.0}, "uncertainty_db"),
        ({"uncertainty_db": np.nan}, "uncertainty_db"),
        ({"uncertainty_db": 1e6}, "more than 40: say that the gain is unknown"),
        ({"uncertainty_db": [1.0, 2.0]}, r"one or one per gain"),
        ({"uncertainty_db": [[1.0, 2.0]] * 3}, r"\[2, 2\]"),
        ({"uncertainty_db": "much"}, "numbers"),
        ({"at_most_db": 0.0}, r"at_most_db\[0, 0\]"),
        ({"at_most_db": [[np.nan, -np.inf], [np.nan, np.nan]]}, "gain is zero"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_place(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        gfm_ra.Network(gain_db=GAIN_DB, **given)  # pyright: ignore[reportArgumentType]


def test_parts_of_a_batch_keep_what_is_known_of_their_gains() -> None:
    many = gfm_ra.Network(gain_db=np.stack([GAIN_DB] * 6).reshape(2, 3, 2, 2), uncertainty_db=1.0)
    part = many.flattened()[2:4]
    assert part.uncertainty_db is not None
    assert part.uncertainty_db.shape == (2, 2, 2)
    assert part.at_most_db is None
