"""What a link of the unrolled network knows at the start: its own gain, what it hears and is heard at full power, and
the goal.

Shapes: B networks, K links, D draws.
"""

import torch
from torch import Tensor

from components.model.conditioning import Goals
from components.model.unrolled.consequences import Channel, Contract

START_FEATURES = 13
_TINY = 1e-12
_LARGEST = 6.0


def start_features(
    channel: Channel, goals: Goals, mask: Tensor | None, contract: Contract, like: Tensor
) -> Tensor:
    """Features of order one, [B, K, D, START_FEATURES], the same for every draw of like [B, K, D, ...]."""
    alpha, min_rate, penalty = goals.columns()  # [B, 1]
    crossing, own = channel.crossing, channel.own
    nothing = torch.zeros_like(own)
    shared = (alpha / 2.0, torch.log1p(penalty) / 3.0, torch.log1p(10.0 * min_rate) / 2.0)
    gains = (
        own,
        1.0 + crossing.sum(-1),
        1.0 + crossing.amax(-1),
        1.0 + crossing.sum(-2),
        1.0 + crossing.amax(-2),
    )
    features = [
        *((value + _TINY).log() / 5.0 - 1.0 for value in gains),
        *(value.expand_as(own) for value in shared),
        _priority(goals, mask),
        # Zero where an operator says nothing of it.
        nothing if contract.price is None else torch.log1p(contract.price),
        nothing
        if contract.circuit_power is None
        else torch.log1p(contract.circuit_power).expand_as(own) + 0.1,
        *_uncertainty(crossing, contract),
    ]
    stacked = torch.stack(features, dim=-1).clamp(-_LARGEST, _LARGEST)
    return stacked.unsqueeze(2).expand(-1, -1, like.shape[2], -1)


def _priority(goals: Goals, mask: Tensor | None) -> Tensor:
    """Logarithm of a link's weight over the mean one, [B, K]: only the ratios of weights matter."""
    weights = goals.weights
    if mask is None:
        mean = weights.mean(-1, keepdim=True)
    else:
        mean = (weights * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp_min(1)
    return ((weights + _TINY) / (mean + _TINY)).log() / 2.0


def _uncertainty(crossing: Tensor, contract: Contract) -> tuple[Tensor, Tensor]:
    """Standard deviation in units of 10 dB: of the own gain, and of what is heard, by its strength; each [B, K]."""
    if contract.uncertainty_db is None:
        nothing = torch.zeros_like(crossing[..., 0])
        return nothing, nothing
    spread = contract.uncertainty_db / 10.0
    heard = crossing / (1.0 + crossing)
    return spread.diagonal(dim1=-2, dim2=-1), (heard * spread).sum(-1) / (1.0 + heard.sum(-1))
