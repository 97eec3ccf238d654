"""Laws of the power-law fit."""

import numpy as np
import pytest

from pipelines.reporting.power_law import fit_power_law


@pytest.mark.parametrize(("scale", "exponent"), [(0.3, -0.25), (2.0, 0.5), (1.0, 0.0)])
def test_points_on_a_power_law_give_it_back(scale: float, exponent: float) -> None:
    x = np.array([1e3, 1e4, 3e5])
    law = fit_power_law(x, scale * x**exponent)
    assert law is not None
    assert law == pytest.approx((scale, exponent))
    assert law(x) == pytest.approx(scale * x**exponent)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1.0], [1.0]),
        ([2.0, 2.0], [1.0, 3.0]),
        ([1.0, 2.0], [1.0, 0.0]),
        ([0.0, 2.0], [1.0, 1.0]),
        ([1.0, 2.0], [1.0, np.nan]),
        ([1.0, np.nan], [1.0, 2.0]),
        ([1.0, 2.0], [np.inf, 1.0]),
    ],
)
def test_where_no_line_is_meant_there_is_none(x: list[float], y: list[float]) -> None:
    assert fit_power_law(np.array(x), np.array(y)) is None
