"""A registered model as an allocator: it is given decibels and nothing that it does not know."""

import numpy as np
import pytest

from gfm_ra.goals import SumRate
from gfm_ra.units import to_gain_db
from pipelines.serving.allocator import served_allocator

GAIN = np.random.default_rng(0).uniform(0.0, 100.0, (2, 3, 4, 4)).astype(np.float32)


def test_it_is_asked_in_decibels_and_its_powers_come_back() -> None:
    asked: list[np.ndarray] = []

    def predict(gain_db: np.ndarray) -> np.ndarray:
        asked.append(gain_db)
        return np.full(gain_db.shape[:2], 0.25, dtype=np.float32)

    found = served_allocator(predict, SumRate()).explain(GAIN)
    assert found.power.shape == GAIN.shape[:-1]
    assert (found.power == 0.25).all()
    assert set(found.source.ravel()) == {"model"}
    np.testing.assert_array_equal(asked[0], to_gain_db(GAIN.reshape(-1, 4, 4)))


def test_unknown_gains_are_refused() -> None:
    allocator = served_allocator(lambda gain_db: np.ones(gain_db.shape[:2], np.float32), SumRate())
    with pytest.raises(ValueError, match="needs every gain"):
        allocator.allocate(GAIN, hidden=np.zeros(GAIN.shape, dtype=bool))
