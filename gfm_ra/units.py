"""Conversions between linear and logarithmic units; nothing else in the project converts.

Arguments are numbers, NumPy arrays or torch tensors unless a function says otherwise.
"""

import math
from typing import TypeVar

Quantity = TypeVar("Quantity")

LIGHT_SPEED_M_PER_S = 299_792_458.0
# Gains outside this window carry no further information: noise dominates below, nothing real lies above.
LEAST_GAIN_DB = -100.0
"""What a gain of zero, which has no logarithm, counts as."""
LARGEST_GAIN_DB = 200.0
NEPERS_PER_DB = math.log(10.0) / 10.0
"""Natural logarithm of the power ratio that one decibel stands for."""


def db_to_linear(value_db: Quantity) -> Quantity:
    """Power ratio of a value in decibels."""
    return 10.0 ** (value_db / 10.0)  # type: ignore[operator]


def linear_to_db(ratio: Quantity) -> Quantity:
    """Decibels of a power ratio (positive; zero gives minus infinity where the type has one)."""
    if isinstance(ratio, int | float):
        return 10.0 * math.log10(ratio)  # type: ignore[return-value]
    if hasattr(ratio, "log10"):  # a torch tensor
        return 10.0 * ratio.log10()  # type: ignore[attr-defined]
    import numpy as np

    return 10.0 * np.log10(ratio)  # type: ignore[arg-type, return-value]


def noise_power_dbm(noise_dbm_per_hz: float, bandwidth_hz: float) -> float:
    """Noise power in dBm that a receiver collects over its bandwidth from a flat noise density."""
    return noise_dbm_per_hz + 10.0 * math.log10(bandwidth_hz)
