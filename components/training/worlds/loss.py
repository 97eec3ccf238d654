"""What the unrolled network learns from: utilities of its last and its tentative powers, without labels.

Shapes: B networks, K links, D draws.
"""

import torch
from torch import Tensor

from components.model.conditioning import Goals, goal_losses
from components.model.rates import spectral_efficiency
from components.model.unrolled.consequences import NOTHING, Contract, spent_by
from components.model.unrolled.network import Passes
from gfm_ra.goals import RATE_FLOOR


def utility_losses(
    passes: Passes,
    gain: Tensor,
    goals: Goals,
    tentative_weight: float,
    best_share: float,
    first_share: float = 0.0,
    contract: Contract = NOTHING,
) -> Tensor:
    """Loss of every network, [B]: of the last powers, and a part of the mean loss of the tentative ones.

    Of several draws the one with the best utility counts `best_share`, the others share the rest: then they have no
    reason to answer alike. The first one, which answers alone where one must do, counts `first_share` beside that.
    gain: [B, K, K] linear.
    """
    share = draw_shares(passes.power.detach(), gain, goals, best_share, first_share, contract)
    loss = _loss(passes.power, gain, goals, share, contract)
    if tentative_weight == 0 or not passes.tentative:
        return loss
    steps = torch.stack([_loss(power, gain, goals, share, contract) for power in passes.tentative])
    return loss + tentative_weight * steps.mean(0)


def draw_shares(
    power: Tensor,
    gain: Tensor,
    goals: Goals,
    best_share: float,
    first_share: float = 0.0,
    contract: Contract = NOTHING,
) -> Tensor:
    """How much each draw of power [B, K, D] counts, [B, D], sum 1.

    The first one counts `first_share`; of what is left, the best one counts `best_share`.
    """
    draws = power.shape[-1]
    if draws == 1:
        return torch.ones_like(power[:, 0])
    rates = rates_of(power, gain)  # [B, D, K]
    paid = contract.circuit_power is not None
    merit = log_efficiency(power, rates, goals, contract) if paid else merits(rates, goals)  # [B, D]
    best = torch.nn.functional.one_hot(merit.argmax(-1), draws).to(power.dtype)
    share = best * best_share + (1.0 - best) * ((1.0 - best_share) / (draws - 1))
    share = (1.0 - first_share) * share
    share[:, 0] += first_share
    return share


def rates_of(power: Tensor, gain: Tensor) -> Tensor:
    """Rates [B, D, K] of powers [B, K, D]."""
    return spectral_efficiency(power.mT, gain.unsqueeze(1))


def merits(rates: Tensor, goals: Goals) -> Tensor:
    """A number that orders rates [B, D, K] of one network as its goal's utility does, [B, D]."""
    alpha, min_rate, penalty = (values.unsqueeze(-1) for values in goals.columns())  # [B, 1, 1]
    weights = goals.weights.unsqueeze(1)  # [B, 1, K]
    linear = (weights * (rates - penalty * (min_rate - rates).clamp_min(0.0))).sum(-1)
    logarithm = (rates + RATE_FLOOR).log()
    log_weights = weights.log()
    power = 1.0 - alpha
    safe = torch.where(power.abs() < 1e-3, 1.0, power)
    fair = torch.logsumexp(log_weights + power * logarithm, dim=-1) / safe.squeeze(-1)
    geometric = (weights * logarithm).sum(-1)
    near_one = power.abs().squeeze(-1) < 1e-3
    return torch.where(alpha.squeeze(-1) == 0, linear, torch.where(near_one, geometric, fair))


def log_efficiency(power: Tensor, rates: Tensor, goals: Goals, contract: Contract) -> Tensor:
    """Logarithm of the rates per power spent, [B, D], of powers [B, K, D] and rates [B, D, K]."""
    assert contract.each is not None, "one or all links together"
    spent = spent_by(power, contract).mT  # [B, D, K]
    weighted = goals.weights.unsqueeze(1) * rates
    together = weighted.sum(-1).clamp_min(RATE_FLOOR).log() - spent.sum(-1).log()
    alone = (weighted / spent).sum(-1).clamp_min(RATE_FLOOR).log()
    return torch.where(contract.each, alone, together)


def _loss(power: Tensor, gain: Tensor, goals: Goals, share: Tensor, contract: Contract) -> Tensor:
    batch, links, draws = power.shape
    rates = rates_of(power, gain)
    if contract.circuit_power is not None:
        return -(share * log_efficiency(power, rates, goals, contract)).sum(-1)
    repeated = Goals(*(part.repeat_interleave(draws, 0) for part in goals))
    losses = goal_losses(rates.reshape(batch * draws, links), repeated)
    return (share * losses.reshape(batch, draws)).sum(-1)
