"""Logarithm and exponential against NumPy in float64, over the whole range that the solvers use."""

import numpy as np
import pytest
from numba import njit

from gfm_ra.solvers import elementary


def over(function, values):
    """Apply a compiled scalar function to an array."""

    @njit
    def each(given, out):
        for i in range(given.size):
            out[i] = function(given[i])

    out = np.empty_like(values)
    each(values, out)
    return out


@pytest.fixture(scope="module")
def positive():
    values = np.geomspace(1e-30, 1e25, 40_001).astype(np.float32)
    around_one = np.linspace(0.3, 3.0, 40_001).astype(np.float32)  # where ranges of the reduction meet
    return np.concatenate([values, around_one])


def test_log2_of_one_plus_is_accurate_however_small_the_argument(positive):
    expected = np.log1p(positive.astype(np.float64)) / np.log(2)
    np.testing.assert_allclose(over(elementary.log2_1p, positive), expected, rtol=4e-7)
    assert over(elementary.log2_1p, np.zeros(1, np.float32))[0] == 0


def test_log2(positive):
    expected = np.log2(positive.astype(np.float64))
    np.testing.assert_allclose(over(elementary.log2, positive), expected, rtol=4e-7, atol=2e-7)


def test_exp2():
    values = np.linspace(-124, 124, 50_001).astype(np.float32)
    np.testing.assert_allclose(over(elementary.exp2, values), 2.0 ** values.astype(np.float64), rtol=3e-7)


def test_exp2_saturates_instead_of_overflowing():
    far = over(elementary.exp2, np.array([-1e6, 1e6], np.float32))
    np.testing.assert_allclose(far, [2.0**-125, 2.0**125], rtol=1e-6)
