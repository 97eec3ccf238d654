"""Logarithm and exponential against NumPy in float64, over the whole range that the kernels use."""

import ctypes

import numpy as np
import pytest

from gfm_ra.core import loader


@pytest.fixture(params=loader.available())
def core(request):
    return loader.library_for(request.param)


def over(core, function, values):
    """Apply one of the core's functions to an array."""
    out = np.empty_like(values)
    core[f"gfm_ra_{function}"](
        ctypes.c_void_p(values.ctypes.data), ctypes.c_int64(values.size), ctypes.c_void_p(out.ctypes.data)
    )
    return out


@pytest.fixture(scope="module")
def positive():
    values = np.geomspace(1e-30, 1e25, 40_001).astype(np.float32)
    around_one = np.linspace(0.3, 3.0, 40_001).astype(np.float32)  # where ranges of the reduction meet
    return np.concatenate([values, around_one])


def test_log2_of_one_plus_is_accurate_however_small_the_argument(core, positive):
    expected = np.log1p(positive.astype(np.float64)) / np.log(2)
    np.testing.assert_allclose(over(core, "log2_of_one_plus", positive), expected, rtol=4e-7)
    assert over(core, "log2_of_one_plus", np.zeros(1, np.float32))[0] == 0


def test_log2(core, positive):
    expected = np.log2(positive.astype(np.float64))
    np.testing.assert_allclose(over(core, "log2_of", positive), expected, rtol=4e-7, atol=2e-7)


def test_exp2(core):
    values = np.linspace(-124, 124, 50_001).astype(np.float32)
    np.testing.assert_allclose(over(core, "exp2_of", values), 2.0 ** values.astype(np.float64), rtol=3e-7)


def test_exp2_saturates_instead_of_overflowing(core):
    far = over(core, "exp2_of", np.array([-1e6, 1e6], np.float32))
    np.testing.assert_allclose(far, [2.0**-125, 2.0**125], rtol=1e-6)


def test_exp2_less_one_is_accurate_however_small_the_argument(core):
    small = np.concatenate([sign * np.geomspace(1e-30, 20, 40_001) for sign in (-1, 1)]).astype(np.float32)
    expected = np.expm1(small.astype(np.float64) * np.log(2))
    np.testing.assert_allclose(over(core, "exp2_less_one_of", small), expected, rtol=4e-7)
    assert over(core, "exp2_less_one_of", np.zeros(1, np.float32))[0] == 0


@pytest.mark.parametrize("function", ["log2_of", "log2_of_one_plus", "exp2_of", "exp2_less_one_of"])
def test_instruction_sets_with_fused_multiply_add_give_the_same_bits(function, positive):
    fused = [name for name in loader.available() if name != "baseline"]
    if len(fused) < 2:
        pytest.skip(
            f"this processor has no two instruction sets with fused multiply-add: {loader.available()}"
        )
    values = (
        positive if not function.startswith("exp2") else np.linspace(-130, 130, 50_001).astype(np.float32)
    )
    first, *others = (over(loader.library_for(name), function, values) for name in fused)
    assert all(np.array_equal(first, other) for other in others)
