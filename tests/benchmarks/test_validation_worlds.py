"""Validation worlds are the same every time."""

import numpy as np
import pytest

from components.channel.worlds.validation import KINDS, networks


@pytest.mark.parametrize("kind", KINDS)
def test_validation_worlds_are_the_same_every_time(kind: str) -> None:
    gain_db = networks(kind, 3, 9)
    assert gain_db.shape == (3, 9, 9)
    assert np.isfinite(gain_db).all()
    assert np.array_equal(gain_db, networks(kind, 3, 9))
