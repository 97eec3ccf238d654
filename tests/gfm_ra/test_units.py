"""Conversions are each other's inverses and match the definitions."""

import math

import numpy as np
import pytest
import torch

from gfm_ra.units import NEPERS_PER_DB, db_to_linear, linear_to_db, noise_power_dbm


@pytest.mark.parametrize(("value_db", "ratio"), [(0.0, 1.0), (10.0, 10.0), (-30.0, 1e-3), (3.0, 1.9952623)])
def test_decibels_of_known_ratios(value_db, ratio):
    assert db_to_linear(value_db) == pytest.approx(ratio, rel=1e-7)
    assert linear_to_db(ratio) == pytest.approx(value_db, abs=1e-6)


@pytest.mark.parametrize("make", [lambda x: np.array(x), lambda x: torch.tensor(x, dtype=torch.float64)])
def test_round_trip_keeps_the_array_type(make):
    values_db = make([-40.0, 0.0, 25.5])
    back = linear_to_db(db_to_linear(values_db))
    assert type(back) is type(values_db)
    np.testing.assert_allclose(np.asarray(back), np.asarray(values_db), atol=1e-9)


def test_noise_of_ten_megahertz():
    assert noise_power_dbm(-174.0, 10e6) == pytest.approx(-104.0)


def test_nepers_turn_decibels_into_exponents():
    assert math.exp(NEPERS_PER_DB * 17.0) == pytest.approx(10.0**1.7)
