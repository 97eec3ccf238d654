"""Conversions between linear and logarithmic units; nothing else in the project converts.

Arguments are numbers, NumPy arrays or torch tensors unless a function says otherwise: the operators are the same, so
this module needs no torch.
"""

import math
from typing import TypeVar

import numpy as np

Quantity = TypeVar("Quantity")

LIGHT_SPEED_M_PER_S = 299_792_458.0
# Gains outside this window carry no further information: noise dominates below, nothing real lies above.
LEAST_GAIN_DB = -100.0
"""What a gain of zero, which has no logarithm, counts as."""
LARGEST_GAIN_DB = 200.0
LARGEST_GAIN = 1e24
"""Larger linear gains would overflow products in float32; physical ones stay below 1e15."""
NEPERS_PER_DB = math.log(10.0) / 10.0
"""Natural logarithm of the power ratio that one decibel stands for."""


def db_to_linear(value_db: Quantity) -> Quantity:
    """Power ratio of a value in decibels."""
    return 10.0 ** (value_db / 10.0)  # type: ignore[operator]


def linear_to_db(ratio: Quantity) -> Quantity:
    """Decibels of a power ratio that is not negative; minus infinity for zero."""
    if isinstance(ratio, int | float):
        return 10.0 * math.log10(ratio) if ratio != 0 else -math.inf  # type: ignore[return-value]
    if hasattr(ratio, "log10"):  # a torch tensor
        return 10.0 * ratio.log10()  # type: ignore[attr-defined]
    with np.errstate(divide="ignore"):
        return 10.0 * np.log10(ratio)  # type: ignore[arg-type, return-value]


def to_gain_db(gain: np.ndarray) -> np.ndarray:
    """Linear gain to dB, not less than LEAST_GAIN_DB; half precision, which does not reach down there, as float32."""
    gain = np.asarray(gain)
    gain = gain.astype(np.float32) if gain.dtype == np.float16 else gain
    return linear_to_db(np.maximum(gain, db_to_linear(LEAST_GAIN_DB)))


def to_gain(gain_db: np.ndarray) -> np.ndarray:
    """Gain in dB to linear float32 of the same shape, whatever it is stored as."""
    # Not `db_to_linear`: a product in float32 rounds otherwise than a quotient, and every stored reference and score
    # was computed from these gains.
    return np.power(np.float32(10.0), np.asarray(gain_db, np.float32) * np.float32(0.1))


def noise_power_dbm(noise_dbm_per_hz: float, bandwidth_hz: float) -> float:
    """Noise power in dBm that a receiver collects over its bandwidth from a flat noise density."""
    return noise_dbm_per_hz + linear_to_db(bandwidth_hz)


def dbm_to_w(power_dbm: Quantity) -> Quantity:
    """Watts of a power in dBm."""
    return 10.0 ** ((power_dbm - 30.0) / 10.0)  # type: ignore[operator]


def w_to_dbm(power_w: Quantity) -> Quantity:
    """Power in dBm of watts that are not negative; minus infinity for zero."""
    return linear_to_db(power_w) + 30.0  # type: ignore[operator]
