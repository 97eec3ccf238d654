"""What tentative powers would lead to under a goal: what a link of the unrolled network reads at every step.

Shapes: B networks, K links, D draws. Row = receiver, column = transmitter; sums over links are one product with the
matrix of gains for all draws and features together.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from components.model.conditioning import Goals
from components.model.rates import rate_of

FEATURES = 10
_RATE_FLOOR = 1e-4  # bit/s/Hz; a link that is silent for the moment must not drown the others' slopes
_TINY = 1e-12
_LEAST_STAKE = 1e-8  # of the largest: slopes over smaller ones would leave float32 at 200 dB
_LARGEST = 6.0
_STEEPEST = 60.0  # nepers: steeper slopes would leave float32
_STEEPNESS = 6.0  # of the smooth step at the least rate, per least rate


class Channel(NamedTuple):
    """Linear gains as far as they are known or estimated, and who counts as a neighbour."""

    own: Tensor  # [B, K]
    crossing: Tensor  # [B, K, K] with an empty diagonal
    coupling: Tensor  # [B, K, K] in [0, 2): how strongly two links touch each other, empty diagonal
    around: Tensor  # [B, K]: sum of a link's couplings, and 1 for itself


class Contract(NamedTuple):
    """What else an operator may say; None where nothing is said."""

    price: Tensor | None = None  # [B, K] >= 0: of the neighbourhood's mean stake that a full power costs
    uncertainty_db: Tensor | None = None  # [B, K, K] >= 0: standard deviation of each gain
    at_most_db: Tensor | None = None  # [B, K, K]: upper limit of each hidden gain, inf where there is none
    # [B, 1] >= 0, in full powers that are radiated: the goal is then per power spent, below 0 where it is not.
    circuit_power: Tensor | None = None
    each: Tensor | None = (
        None  # [B, 1] bool: every link's rate per its own power spent, not all rates per all power
    )


NOTHING = Contract()
"""Of which nothing is said."""


class Effects(NamedTuple):
    """Features [B, K, D, FEATURES], and the weights with which messages are averaged, [B, K, D]."""

    features: Tensor
    power: Tensor
    interference: Tensor  # noise included
    pressure: Tensor  # what the utility loses per interference received, in units of the largest stake
    at_stake: Tensor  # what own power changes for all, in the same units
    harm: (
        Tensor  # done to the others, and the price, per own power, in units of the neighbourhood's mean stake
    )
    benefit: Tensor  # per own power, in the same units


def effects(
    power: Tensor, channel: Channel, goals: Goals, mask: Tensor | None, contract: Contract
) -> Effects:
    """What powers [B, K, D] would lead to; mask [B, K] bool, True for real links."""
    alpha, min_rate, penalty = (values.unsqueeze(-1) for values in goals.columns())  # [B, 1, 1]
    own, weights = channel.own.unsqueeze(-1), goals.weights.unsqueeze(-1)  # [B, K, 1]
    interference = 1.0 + torch.matmul(channel.crossing, power)
    signal = own * power
    total = interference + signal
    rate = rate_of(signal, interference)
    if contract.each is not None and contract.circuit_power is not None:
        # A link's rate counts per power that it spends itself, as if its weight were the less.
        weights = torch.where(contract.each.unsqueeze(-1), weights / spent_by(power, contract), weights)
    # A smooth step where the penalty sets in, so that links just above it know of it.
    least = min_rate.clamp_min(_RATE_FLOOR)
    below = torch.sigmoid(_STEEPNESS * (1.0 - rate / least)) * (penalty > 0)
    steep = (-alpha * (rate + _RATE_FLOOR).log()).clamp_max(_STEEPEST)
    slope = weights * (steep.exp() + penalty * below)
    stake = slope * (rate + _RATE_FLOOR)  # silent links too have something at stake
    if mask is not None:
        slope, stake = slope * mask.unsqueeze(-1), stake * mask.unsqueeze(-1)
    # Stakes span many decades; in units of the largest they fit float32, and only their ratios matter from here on.
    largest = stake.amax(1, keepdim=True).clamp_min(_TINY)
    stake = stake / largest
    near_stake = around(stake, channel).clamp_min(_LEAST_STAKE)  # of the link and its neighbours
    worth = slope / (largest * total)  # per received power
    pressure = worth * (signal / interference)
    harm = torch.matmul(channel.crossing.mT, pressure) / near_stake
    harm = harm + _price(power, stake, near_stake, mask, contract)
    benefit = worth * own / near_stake
    log_benefit, log_harm = (benefit + _TINY).log(), (harm + _TINY).log()
    # One step of weighted MMSE from here: how it would scale the amplitude.
    growth = (benefit * (total / interference) + _TINY).log() - (
        harm + benefit * (signal / interference) + _TINY
    ).log()
    needed = interference * ((torch.exp2(min_rate) - 1.0) / own.clamp_min(_TINY))
    has_least = (penalty > 0).to(rate.dtype)
    features = [
        2.0 * power - 1.0,
        interference.log() / 5.0 - 1.0,
        (rate + _RATE_FLOOR).log() / 3.0,
        (stake / near_stake + _TINY).log() / 5.0,
        log_benefit / 5.0,
        log_harm / 5.0,
        (log_benefit - log_harm) / 4.0,
        growth / 3.0,
        has_least * (4.0 * (rate / least - 1.0)).clamp(-1.0, 1.0),
        has_least * (needed + _TINY).log().clamp(-20.0, 10.0) / 5.0,
    ]
    stacked = torch.stack(features, dim=-1).clamp(-_LARGEST, _LARGEST)
    if mask is not None:
        stacked = stacked * mask.reshape(*mask.shape, 1, 1)
    at_stake = near_stake * (harm + benefit + _TINY)
    return Effects(stacked, power, interference, pressure, at_stake, harm, benefit)


def messages(values: Tensor, found: Effects, channel: Channel) -> Tensor:
    """Values [B, K, D, F] of a link's interferers, its victims and its neighbours, [B, K, D, 3 F].

    Interferers count by the interference received from each, victims by the harm done to each, both in shares that
    noise and the link's own benefit take part in: where nobody is heard, nothing is.
    """
    batch, links, draws, width = values.shape
    flat = (batch, links, draws * width)
    heard = (found.power.unsqueeze(-1) * values).reshape(flat)
    harmed = (found.pressure.unsqueeze(-1) * values).reshape(flat)
    heard = torch.matmul(channel.crossing, heard).reshape(values.shape) / found.interference.unsqueeze(-1)
    harmed = torch.matmul(channel.crossing.mT, harmed).reshape(values.shape)
    harmed = harmed / found.at_stake.unsqueeze(-1)
    near = around(values.reshape(flat), channel).reshape(values.shape)
    return torch.cat([heard, harmed, near], dim=-1)


def around(values: Tensor, channel: Channel) -> Tensor:
    """Mean of values [B, K, N] over a link and its neighbours, these by how strongly they are coupled to it."""
    near = torch.matmul(channel.coupling, values) + values
    return near / channel.around.unsqueeze(-1)


def _price(
    power: Tensor, stake: Tensor, near_stake: Tensor, mask: Tensor | None, contract: Contract
) -> Tensor | float:
    """What own power costs beside the harm to others, in units of the neighbourhood's mean stake."""
    price: Tensor | float = 0.0
    if contract.price is not None:
        price = contract.price.unsqueeze(-1)
    if contract.circuit_power is not None:
        # Per power spent: at the optimum a full power costs the utility that the mean power brings (Dinkelbach).
        spent = spent_by(power, contract)
        if mask is not None:
            spent = spent * mask.unsqueeze(-1)
        of_all = stake.sum(1, keepdim=True) / (near_stake * spent.sum(1, keepdim=True).clamp_min(_TINY))
        if contract.each is not None:
            of_all = torch.where(
                contract.each.unsqueeze(-1), stake / (near_stake * spent.clamp_min(_TINY)), of_all
            )
        price = price + torch.where(contract.circuit_power.unsqueeze(-1) >= 0, of_all, 0.0)
    return price


def spent_by(power: Tensor, contract: Contract) -> Tensor:
    """Power that links spend, [B, K, D] in full powers that are radiated, of powers [B, K, D]."""
    assert contract.circuit_power is not None, "only where the goal is per power spent"
    return (power + contract.circuit_power.unsqueeze(-1).clamp_min(0.0)).clamp_min(_TINY)
