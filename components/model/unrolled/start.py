"""What a link of the unrolled network knows at the start: its own gain, what it hears and is heard at full power, and
the goal.

Shapes: B networks, K links, D draws.
"""

import torch
from torch import Tensor

from components.model.conditioning import Goals
from components.model.unrolled.consequences import Channel, Contract, around

START_FEATURES = 14
_TINY = 1e-12
_LARGEST = 6.0
_HIDDEN = 1.0


def start_features(
    channel: Channel, goals: Goals, hidden: Tensor | None, contract: Contract, like: Tensor
) -> Tensor:
    """Features of order one, [B, K, D, START_FEATURES], the same for every draw of like [B, K, D, ...].

    hidden: [B, K, K] bool, None where every gain is known.
    """
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
        _priority(goals, channel),
        # Zero where an operator says nothing of it.
        nothing if contract.price is None else torch.log1p(contract.price),
        nothing
        if contract.circuit_power is None
        else _circuits(contract.circuit_power, contract).expand_as(own),
        *_uncertainty(crossing, hidden, contract),
    ]
    stacked = torch.stack(features, dim=-1).clamp(-_LARGEST, _LARGEST)
    return stacked.unsqueeze(2).expand(-1, -1, like.shape[2], -1)


def _circuits(circuit_power: Tensor, contract: Contract) -> Tensor:
    """What says that the goal is per power spent, [B, 1]: positive for all links together, negative for each one."""
    told = torch.log1p(circuit_power.clamp_min(0.0)) + 0.1
    if contract.each is not None:
        told = torch.where(contract.each, -told, told)
    return torch.where(circuit_power >= 0, told, 0.0)


def _priority(goals: Goals, channel: Channel) -> Tensor:
    """Logarithm of a link's weight over its neighbourhood's mean, [B, K]: only the ratios of weights matter."""
    weights = goals.weights
    mean = around(weights.unsqueeze(-1), channel).squeeze(-1)
    return ((weights + _TINY) / (mean + _TINY)).log() / 2.0


def _uncertainty(crossing: Tensor, hidden: Tensor | None, contract: Contract) -> tuple[Tensor, ...]:
    """Standard deviation in units of 10 dB: of the own gain, and of what is heard and what is done to others, by its
    strength; each [B, K]. A hidden gain counts as one of 10 dB."""
    if contract.uncertainty_db is None and hidden is None:
        nothing = torch.zeros_like(crossing[..., 0])
        return nothing, nothing, nothing
    spread = torch.zeros_like(crossing) if contract.uncertainty_db is None else contract.uncertainty_db / 10.0
    if hidden is not None:
        spread = torch.where(hidden, _HIDDEN, spread)
    strength = crossing / (1.0 + crossing)
    heard, harmed = ((strength * spread).sum(dim) / (1.0 + strength.sum(dim)) for dim in (-1, -2))
    return spread.diagonal(dim1=-2, dim2=-1), heard, harmed
