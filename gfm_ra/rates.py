"""Spectral efficiency of every link: equations (1) and (2)."""

import math

import numpy as np


def spectral_efficiency(power: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Rate of every link in bit/s/Hz, R_k = log2(1 + SINR_k).

    power : [..., K] in [0, 1]; gain : [..., K, K], row = receiver, column = transmitter, in units of noise at
    full power. Leading dimensions broadcast; the floating type is kept. The interference is a sum without the
    own signal, never total minus own, which cancels in float32.
    Source: equations (1) and (2).
    """
    links = gain.shape[-1]
    direct = np.diagonal(gain, axis1=-2, axis2=-1)  # [..., K]
    crossing = np.where(np.eye(links, dtype=bool), gain.dtype.type(0), gain)  # [..., K, K]
    interference = np.matmul(crossing, power[..., None])[..., 0]  # [..., K]
    return np.log1p(direct * power / (interference + 1)) * gain.dtype.type(1 / math.log(2.0))
