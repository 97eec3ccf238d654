"""Conversions are each other's inverses and match the definitions."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gfm_ra.units import (
    LEAST_GAIN_DB,
    NEPERS_PER_DB,
    db_to_linear,
    linear_to_db,
    noise_power_dbm,
    to_gain,
    to_gain_db,
)


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


@pytest.mark.parametrize("zero", [0.0, 0, np.float64(0.0), np.zeros(1), torch.zeros(1)], ids=repr)
def test_nothing_is_minus_infinity_decibels(zero):
    assert np.asarray(linear_to_db(zero)).item() == -math.inf


def test_silence_has_a_finite_floor() -> None:
    gain_db = to_gain_db(np.array([0.0, 1e-30, 1e-10, 1.0, 100.0]))
    np.testing.assert_allclose(gain_db, [LEAST_GAIN_DB, LEAST_GAIN_DB, -100.0, 0.0, 20.0], atol=1e-9)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int32, ">f4", np.uint8])
def test_every_type_of_gain_has_finite_decibels(kind):
    np.testing.assert_allclose(to_gain_db(np.array([0, 1, 100], kind)), [-100, 0, 20], atol=1e-4)


@given(st.floats(-99.0, 199.0))
def test_decibels_and_linear_gains_are_inverse(gain_db: float) -> None:
    assert to_gain_db(to_gain(np.array([gain_db]))) == pytest.approx(gain_db, abs=1e-4)


def test_stored_gains_become_linear_in_float32():
    gain_db = np.array([-100.0, 3.0, 57.25])
    for stored in (gain_db, gain_db.astype(np.float16)):
        assert to_gain(stored).dtype == np.float32
        np.testing.assert_allclose(to_gain(stored), 10.0 ** (gain_db / 10.0), rtol=1e-5)


def test_noise_of_ten_megahertz():
    assert noise_power_dbm(-174.0, 10e6) == pytest.approx(-104.0)


def test_nepers_turn_decibels_into_exponents():
    assert math.exp(NEPERS_PER_DB * 17.0) == pytest.approx(10.0**1.7)


def test_no_other_module_takes_decimal_logarithms_or_powers_of_ten(root: Path) -> None:
    # Both slopes of a path loss are multiples of log10 of a distance: laws, not conversions.
    laws = {
        "gfm_ra/units.py",
        "components/channel/geometric.py",
        "components/channel/path_loss.py",
        "components/channel/torch_simulator.py",
        "components/channel/worlds/propagation.py",
        "components/channel/worlds/validation.py",
    }
    found = {
        str(path.relative_to(root))
        for room in ("gfm_ra", "components", "pipelines", "dags")
        for path in (root / room).rglob("*.py")
        if any(word in path.read_text() for word in ("log10(", "10.0 **", "np.power("))
    }
    assert found == laws
