"""Simulated reports: who is reported, without bias, and within the limits that they state."""

import numpy as np
import pytest

from components.channel.reports import simulated_reports
from gfm_ra.network import Network


def _gains(networks: int = 40, links: int = 12) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.normal(0.0, 15.0, (networks, links, links)) + 40.0 * np.eye(links)


def test_own_gain_and_the_strongest_others_are_reported():
    gains = _gains()
    found = simulated_reports(gains, strongest=4, step_db=0.0, error_db=0.0, rng=np.random.default_rng(1))
    own = np.eye(12, dtype=bool)
    known = ~np.isnan(found.reported_db)
    assert known[:, own].all()
    assert (known.sum(-1) == 5).all()
    others = np.where(own, -np.inf, gains)
    fifth = np.sort(others, axis=-1)[..., -5, None]
    assert ((others > fifth) == (known & ~own)).all()
    np.testing.assert_allclose(found.reported_db[known], gains[known])


def test_steps_rounded_down_are_reported_without_bias():
    gains = _gains(200, 20)
    found = simulated_reports(gains, strongest=19, step_db=1.0, error_db=0.0, rng=np.random.default_rng(1))
    error = found.reported_db - gains
    assert abs(error.mean()) < 0.01
    assert np.abs(error).max() <= 0.5 + 1e-9
    np.testing.assert_allclose(error.std(), found.uncertainty_db.max(), rtol=0.01)  # step / sqrt(12)


def test_the_stated_uncertainty_is_that_of_the_errors():
    gains = _gains(200, 20)
    found = simulated_reports(gains, 19, 2.0, 3.0, 4.0, rng=np.random.default_rng(1))
    np.testing.assert_allclose((found.reported_db - gains).std(), found.uncertainty_db.mean(), rtol=0.02)
    assert abs((found.reported_db - gains).mean()) < 0.1


def test_exact_measurements_never_break_the_limit_of_unknown_gains():
    gains = _gains()
    found = simulated_reports(gains, strongest=3, step_db=1.0, error_db=0.0, rng=np.random.default_rng(1))
    unknown = np.isnan(found.reported_db)
    assert unknown.any()
    assert (gains[unknown] <= found.at_most_db[unknown]).all()
    assert np.isinf(found.at_most_db[~unknown]).all()


def test_gains_of_zero_are_not_reported_and_no_neighbour_means_no_limit():
    gains = _gains(1, 4)
    gains[0, 1, [0, 2, 3]] = -np.inf
    found = simulated_reports(gains, rng=np.random.default_rng(1))
    assert np.isnan(found.reported_db[0, 1, [0, 2, 3]]).all()
    assert np.isinf(found.at_most_db[0, 1]).all()


def test_a_network_takes_the_three_arrays():
    found = simulated_reports(_gains().astype(np.float32), rng=np.random.default_rng(1))
    network = Network(
        gain_db=found.reported_db, uncertainty_db=found.uncertainty_db, at_most_db=found.at_most_db
    )
    assert network.gain_db.dtype == np.float32
    assert network.links == 12


@pytest.mark.parametrize("wrong", [{"strongest": -1}, {"step_db": -1.0}, {"error_db": np.nan}])
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        simulated_reports(_gains(1), rng=np.random.default_rng(1), **wrong)


def test_unknown_true_gains_are_refused():
    gains = _gains(1)
    gains[0, 2, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        simulated_reports(gains, rng=np.random.default_rng(1))
