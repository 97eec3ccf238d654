"""Spectral efficiency of every link: equations (1) and (2)."""

import math

import numpy as np


def spectral_efficiency(power: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Rate of every link in bit/s/Hz, R_k = log2(1 + SINR_k).

    power : [..., K] in [0, 1]; gain : [..., K, K], row = receiver, column = transmitter, in units of noise at
    full power. Leading dimensions broadcast. float32 and float64 are kept, the wider of the two counts; whole numbers,
    half precision and lists become float64. The interference is a sum without the own signal, never total minus own,
    which cancels in float32.
    Raises ValueError for what is not numbers or does not fit.
    Source: equations (1) and (2).
    """
    power, gain = _floating(power, "power"), _floating(gain, "gain")
    if gain.ndim < 2 or gain.shape[-1] != gain.shape[-2] or power.shape[-1:] != gain.shape[-1:]:
        raise ValueError(
            f"rates: gain must be [..., K, K] and power [..., K], got {gain.shape} and {power.shape}"
        )
    links = gain.shape[-1]
    direct = np.diagonal(gain, axis1=-2, axis2=-1)  # [..., K]
    crossing = np.where(np.eye(links, dtype=bool), gain.dtype.type(0), gain)  # [..., K, K]
    interference = np.matmul(crossing, power[..., None])[..., 0]  # [..., K]
    return np.log1p(direct * power / (interference + 1)) * gain.dtype.type(1 / math.log(2.0))


def _floating(values: np.ndarray, what: str) -> np.ndarray:
    """float32 and float64 in this machine's byte order; other real numbers as float64."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"rates: {what} must hold real numbers, got {array.dtype}")
    single = array.dtype.kind == "f" and array.dtype.itemsize == 4
    return array.astype(np.float32 if single else np.float64, copy=False)
