"""Path loss against its published closed forms."""

import math

import numpy as np
import pytest

from components.channel.path_loss import dual_slope, itu1411, path_loss


@pytest.mark.parametrize("distance_m", [1.0, 10.0, 99.0, 100.0])
def test_dual_slope_below_its_breakpoint(distance_m):
    assert dual_slope().loss_db(distance_m) == pytest.approx(39 + 20 * math.log10(distance_m))


@pytest.mark.parametrize("distance_m", [100.0, 101.0, 500.0, 1414.0])
def test_dual_slope_beyond_its_breakpoint(distance_m):
    assert dual_slope().loss_db(distance_m) == pytest.approx(39 + 40 * math.log10(distance_m) - 40)


def test_distances_below_a_metre_count_as_one():
    np.testing.assert_array_equal(dual_slope().loss_db(np.array([0.0, 0.3, 1.0])), [39.0, 39.0, 39.0])


@pytest.mark.parametrize("name", ["dual-slope", "itu1411"])
def test_continuous_and_increasing(name):
    model = path_loss(name)
    at = model.breakpoint_m
    assert model.loss_db(at * (1 + 1e-9)) - model.loss_db(at * (1 - 1e-9)) == pytest.approx(0, abs=1e-6)
    assert (np.diff(model.loss_db(np.geomspace(1, 1500, 400))) > 0).all()


@pytest.mark.parametrize("distance_m", [20.0, 71.0, 73.0, 800.0])
def test_itu1411_formula(distance_m):
    wavelength, height = 299_792_458.0 / 2.4e9, 1.5
    knee = 4 * height**2 / wavelength
    loss = (
        abs(20 * math.log10(wavelength**2 / (8 * math.pi * height**2)))
        + 6
        + 20 * math.log10(distance_m / knee)
    )
    if distance_m > knee:
        loss += 20 * math.log10(distance_m / knee)
    assert itu1411().loss_db(distance_m) == pytest.approx(loss - 2 * 2.5)
