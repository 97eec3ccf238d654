"""A power law through measured points: how a gap shrinks with model size."""

from typing import NamedTuple

import numpy as np


class PowerLaw(NamedTuple):
    """y = scale * x ** exponent."""

    scale: float
    exponent: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x."""
        return self.scale * x**self.exponent


def fit_power_law(x: np.ndarray, y: np.ndarray) -> PowerLaw | None:
    """Least squares in logarithms; None if fewer than two different sizes or a value not positive and finite."""
    values = np.concatenate([x, y])
    if len(np.unique(x)) < 2 or not (np.isfinite(values) & (values > 0)).all():
        return None
    exponent, intercept = np.polyfit(np.log(x), np.log(y), 1)
    return PowerLaw(float(np.exp(intercept)), float(exponent))
