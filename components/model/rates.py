"""Spectral efficiency as a differentiable tensor: equations (1) and (2)."""

import math
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

_PER_LN_2 = 1.0 / math.log(2.0)


def spectral_efficiency(power: Tensor, gain: Tensor) -> Tensor:
    """Rate of every link in bit/s/Hz, R_k = log2(1 + SINR_k): `gfm_ra.rates.spectral_efficiency` for tensors.

    power : [..., K] in [0, 1]; gain : [..., K, K], row = receiver, column = transmitter, in units of noise at
    full power. Leading dimensions broadcast; the floating type of the gains is kept, also under autocast.
    """
    links = gain.shape[-1]
    direct = gain.diagonal(dim1=-2, dim2=-1)  # [..., K]
    crossing = gain.masked_fill(torch.eye(links, dtype=torch.bool, device=gain.device), 0.0)  # [..., K, K]
    with exactly(gain.device):
        power = power.to(gain.dtype)
        interference = torch.matmul(crossing, power.unsqueeze(-1)).squeeze(-1)  # [..., K]
        return rate_of(direct * power, interference + 1)


def exactly(device: torch.device) -> AbstractContextManager[object]:
    """Where products are computed in their operands' type also while training in reduced precision, which would spoil
    sums over 100 dB of range."""
    if not torch.is_autocast_enabled(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


def rate_of(signal: Tensor, interference: Tensor) -> Tensor:
    """Rate in bit/s/Hz of a received power that meets `interference`, noise included, both of any shape."""
    return torch.log1p(signal / interference) * _PER_LN_2
