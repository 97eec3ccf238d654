"""Spectral efficiency of every link: equations (1) and (2)."""

import math
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    import torch

Array = TypeVar("Array", np.ndarray, "torch.Tensor")


def spectral_efficiency(power: Array, gain: Array) -> Array:
    """Rate of every link in bit/s/Hz, R_k = log2(1 + SINR_k).

    power : [..., K] in [0, 1]; gain : [..., K, K], row = receiver, column = transmitter, in units of noise at
    full power. Leading dimensions broadcast. NumPy or torch, both arguments alike; differentiable in torch;
    the floating type is kept. The interference is a sum without the own signal, never total minus own, which
    cancels in float32.
    Source: equations (1) and (2).
    """
    if isinstance(gain, np.ndarray):
        return _in_numpy(cast(np.ndarray, power), gain)
    return _in_torch(cast("torch.Tensor", power), gain)


def _in_numpy(power: np.ndarray, gain: np.ndarray) -> np.ndarray:
    links = gain.shape[-1]
    direct = np.diagonal(gain, axis1=-2, axis2=-1)  # [..., K]
    crossing = np.where(np.eye(links, dtype=bool), gain.dtype.type(0), gain)  # [..., K, K]
    interference = np.matmul(crossing, power[..., None])[..., 0]  # [..., K]
    return np.log1p(direct * power / (interference + 1)) * gain.dtype.type(1 / math.log(2.0))


def _in_torch(power: "torch.Tensor", gain: "torch.Tensor") -> "torch.Tensor":
    import torch

    links = gain.shape[-1]
    direct = gain.diagonal(dim1=-2, dim2=-1)  # [..., K]
    crossing = gain.masked_fill(torch.eye(links, dtype=torch.bool, device=gain.device), 0.0)  # [..., K, K]
    interference = torch.matmul(crossing, power.unsqueeze(-1)).squeeze(-1)  # [..., K]
    return torch.log1p(direct * power / (interference + 1)) * (1 / math.log(2.0))
