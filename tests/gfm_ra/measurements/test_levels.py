"""Report values, steps of decimal numbers, and what age does."""

import math

import pytest

from gfm_ra.measurements.levels import drift_db, rsrp_range_dbm, step_of


@pytest.mark.parametrize(
    ("technology", "value", "low", "high"),
    [
        ("nr", 0, -math.inf, -156), ("nr", 1, -156, -155), ("nr", 125, -32, -31), ("nr", 126, -31, math.inf),
        ("lte", 0, -math.inf, -140), ("lte", 1, -140, -139), ("lte", 96, -45, -44), ("lte", 97, -44, math.inf),
    ],
)  # fmt: skip
def test_ranges_are_those_of_the_standards(technology, value, low, high):
    assert rsrp_range_dbm(value, technology) == (low, high)


@pytest.mark.parametrize("technology", ["nr", "lte"])
def test_ranges_cover_every_level_once(technology):
    last = 126 if technology == "nr" else 97
    ranges = [rsrp_range_dbm(value, technology) for value in range(last + 1)]
    assert [high for _, high in ranges[:-1]] == [low for low, _ in ranges[1:]]


def test_infinity_is_no_level():
    with pytest.raises(ValueError, match="127"):
        rsrp_range_dbm(127, "nr")


def test_the_step_is_the_coarsest_that_fits():
    assert step_of([-90.0, -101.0, math.nan]) == 1.0
    assert step_of([-90.5, -101.0]) == 0.5
    assert step_of([-90.3, -101.0]) == 0.1
    assert step_of([-90.3137, -101.0]) == 0.0
    assert step_of([]) == 0.0


@pytest.mark.parametrize("huge", [1e308, -1e308, math.inf])
def test_numbers_that_are_no_levels_do_not_move_the_step(huge):
    assert step_of([-90.3, huge]) == 0.1
    assert step_of([-90.0, huge]) == 1.0
    assert step_of([huge]) == 0.0


def test_age_adds_uncertainty_up_to_that_of_two_places():
    ages = [0.0, 1.0, 60.0, 3600.0, 1e9]
    drifts = [drift_db(age) for age in ages]
    assert drifts[0] == 0.0
    assert drifts == sorted(drifts)
    assert drifts[-1] == pytest.approx(6.0 * math.sqrt(2.0))
    assert drift_db(100.0, speed_m_per_s=0.0) == 0.0
