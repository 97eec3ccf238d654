"""Goals as data: what the operator wants, as tensors that a network reads and a loss that has no labels.

Every goal is one member of a family with continuous parameters: links weighted by w_k, alpha-fairness alpha, and a
penalty on rates below min_rate. Its slope, d utility / d R_k = w_k (R_k^-alpha + penalty [R_k < min_rate]), is all
that learning needs. Shapes: B graphs, K links.
"""

from typing import NamedTuple

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from components.config import Strict
from gfm_ra.goal_family import numbers_of
from gfm_ra.goals import (
    RATE_FLOOR,
    STANDARD,
    AlphaFair,
    GoalName,
    Objective,
    QoS,
    Weighted,
    by_name,
    normalised_weights,
)

PARAMETERS = 3  # alpha, min_rate and penalty: the columns of Goals.parameters


class Goals(NamedTuple):
    """One goal per graph."""

    parameters: Tensor  # [B, 3]: alpha >= 0, min_rate in bit/s/Hz, penalty >= 0
    weights: Tensor  # [B, K], not negative

    def slope(self, rates: Tensor, floor: float = RATE_FLOOR) -> Tensor:
        """d utility / d R_k, [B, K]; `floor` bounds what a silent link can ask for."""
        alpha, min_rate, penalty = self.columns()
        return self.weights * ((rates + floor) ** (-alpha) + penalty * (rates < min_rate))

    def to(self, device: torch.device) -> "Goals":
        """The same goals on a device."""
        return Goals(self.parameters.to(device), self.weights.to(device))

    def columns(self) -> tuple[Tensor, Tensor, Tensor]:
        """Alpha, min_rate and penalty, each [B, 1]."""
        return self.parameters[:, 0:1], self.parameters[:, 1:2], self.parameters[:, 2:3]


def goals_of(objective: Objective, batch: int, links: int, first: int = 0) -> Goals:
    """The same objective for every one of B graphs of K links.

    Weights of a `Weighted` objective may be [K] or [N, K]; of the latter, rows `first` to `first + batch` are taken.
    A graph's weights are divided by the largest of them: only their ratios matter.

    Raises:
        ValueError: the objective is not of the family, a parameter is too large, or its weights do not fit.
    """
    weights = np.ones(links, dtype=np.float32)
    if isinstance(objective, Weighted):
        weights, objective = normalised_weights(objective.weights), objective.objective
    given = weights.shape
    if weights.ndim == 2 and len(weights) > 1:
        weights = weights[first : first + batch]
    if weights.shape not in ((links,), (batch, links)) and given != (1, links):
        raise ValueError(f"goal: weights of shape {given} do not fit {batch} graphs of {links} links")
    numbers = numbers_of(objective)
    if numbers is None:
        raise ValueError(f"goal: objective {objective.name!r} cannot be given as a prompt")
    rows = torch.from_numpy(np.broadcast_to(weights, (batch, links)).copy())
    return Goals(torch.tensor([numbers]).expand(batch, PARAMETERS), rows)


def goal_loss(rates: Tensor, goals: Goals) -> Tensor:
    """A scalar whose gradient is minus that of the mean utility, every graph's scaled to the same strength.

    Each graph's utility is divided by sum_k R_k d utility / d R_k, a constant here. Then the gradient is a weighted
    mean of d log R_k whatever the goal's units: for sum rate that of log sum R, for proportional fairness that of
    mean log R. No rate's gradient exceeds 1 / RATE_FLOOR. The value itself says nothing; `advantage` does.
    rates: [B, K].
    """
    return goal_losses(rates, goals).mean()


def goal_losses(rates: Tensor, goals: Goals) -> Tensor:
    """`goal_loss` of every graph, [B]."""
    known = rates.detach()
    slope = _relative_slope(known, goals)
    scale = (slope * known).sum(-1, keepdim=True).maximum(RATE_FLOOR * slope.amax(-1, keepdim=True))
    return -(slope / scale * rates).sum(-1)


_STEEPEST = 60.0  # largest logarithm of a slope that is computed as it is: e^60 leaves float32 room for sums


def _relative_slope(rates: Tensor, goals: Goals) -> Tensor:
    """Slopes [B, K] up to a factor per graph: of a graph with a slope above e^_STEEPEST in units of the steepest."""
    alpha, min_rate, penalty = goals.columns()
    steepness = torch.logaddexp(-alpha * (rates + RATE_FLOOR).log(), (penalty * (rates < min_rate)).log())
    weighted = steepness + goals.weights.log()
    relative = (weighted - weighted.amax(-1, keepdim=True)).exp()
    return torch.where(steepness.amax(-1, keepdim=True) > _STEEPEST, relative, goals.slope(rates))


def advantage(rates: Tensor, baseline: Tensor, objective: Objective) -> Tensor:
    """How much more utility than a baseline, in the units of `goal_loss`, [B]; rates and baseline [B, K]."""
    scale = (objective.slope(baseline) * baseline).sum(-1).clamp_min(RATE_FLOOR)
    return (objective.utility(rates) - objective.utility(baseline)) / scale


class GoalDistribution(Strict):
    """Which goals pre-training draws, and how much of the channel state it hides meanwhile.

    `named_share` of the goals are the three named ones with their usual parameters; the rest spread over the ranges.
    """

    qos_share: float = Field(default=0.5, ge=0, le=1)
    named_share: float = Field(default=0.6, ge=0, le=1)
    max_alpha: float = Field(default=2.0, ge=0)
    min_rate: tuple[float, float] = (0.1, 1.0)  # bit/s/Hz
    max_penalty: float = Field(default=30.0, ge=0)
    weighted_share: float = Field(default=0.2, ge=0, le=1)
    weight_spread: float = Field(default=0.7, ge=0)  # standard deviation of the logarithm of a weight
    complete_share: float = Field(default=0.5, ge=0, le=1)  # graphs of which nothing is hidden
    max_mask_ratio: float = Field(default=0.6, ge=0, lt=1)

    def draw(self, batch: int, links: int, generator: torch.Generator) -> Goals:
        """Independent goals for B graphs of K links, on the generator's device."""
        place = generator.device
        chance, where, named, which = torch.rand(4, batch, generator=generator, device=place)
        low, high = self.min_rate
        fairness = torch.where(named < self.named_share, (where < 0.5).float(), self.max_alpha * where)
        rate = torch.where(named < self.named_share, QoS.min_rate, low + (high - low) * where)
        penalty = torch.where(named < self.named_share, QoS.penalty, self.max_penalty * which)
        qos = (chance < self.qos_share).float()
        parameters = torch.stack([(1 - qos) * fairness, qos * rate, qos * penalty], dim=1)
        spread = torch.exp(self.weight_spread * torch.randn(batch, links, generator=generator, device=place))
        weighted = torch.rand(batch, 1, generator=generator, device=place) < self.weighted_share
        return Goals(parameters, torch.where(weighted, spread, 1.0))

    def draw_mask_ratios(self, batch: int, generator: torch.Generator) -> Tensor:
        """Share of the pairs to hide, one per graph, [B], on the generator's device."""
        complete, ratio = torch.rand(2, batch, generator=generator, device=generator.device)
        return torch.where(complete < self.complete_share, 0.0, self.max_mask_ratio * ratio)

    def envelope(self) -> "GoalEnvelope":
        """The goals that a model trained on these knows."""
        return GoalEnvelope(max_alpha=self.max_alpha, min_rate=self.min_rate, max_penalty=self.max_penalty)


class GoalEnvelope(Strict):
    """The goals that a model was trained on, beyond the three named ones; by default those that are usual."""

    max_alpha: float = 2.0
    min_rate: tuple[float, float] = (0.1, 1.0)  # bit/s/Hz
    max_penalty: float = 30.0

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest trained value of each of the goal's numbers; without a least rate or penalty it is sum
        rate, which is trained too."""
        return {
            "alpha": (0.0, self.max_alpha),
            "min_rate": (0.0, self.min_rate[1]),
            "penalty": (0.0, self.max_penalty),
        }

    def beyond(self, objective: Objective) -> str:
        """What of a goal lies outside, in words; empty for a goal within."""
        plain = objective.objective if isinstance(objective, Weighted) else objective
        if plain in STANDARD:
            return ""
        low, high = self.min_rate
        match plain:
            case AlphaFair(alpha) if alpha != 1.0 and alpha > self.max_alpha:
                return f"alpha {alpha:g} is above {self.max_alpha:g}, up to which the model was trained"
            case QoS(min_rate, penalty) if min_rate * penalty > 0 and not low <= min_rate <= high:
                return f"min_rate {min_rate:g} is outside {low:g} to {high:g}, where the model was trained"
            case QoS(min_rate, penalty) if min_rate > 0 and penalty > self.max_penalty:
                return f"penalty {penalty:g} is above {self.max_penalty:g}, up to which the model was trained"
        return ""


class GoalSpec(Strict):
    """A goal as a parameter file or a caller names it; what the objective does not use stays unset."""

    objective: GoalName
    alpha: float | None = Field(default=None, ge=0)
    min_rate: float | None = Field(default=None, ge=0)  # bit/s/Hz
    penalty: float | None = Field(default=None, ge=0)
    favoured_share: float = Field(default=0.0, ge=0, le=1)  # of the links: the first ones
    favoured_weight: float = Field(default=1.0, gt=0)  # theirs; the others have 1

    @model_validator(mode="after")
    def _fits_the_objective(self) -> "GoalSpec":
        self.build(1)
        return self

    def build(self, links: int) -> Objective:
        """The objective for graphs of K links."""
        given = {"alpha": self.alpha, "min_rate": self.min_rate, "penalty": self.penalty}
        plain = by_name(self.objective, **{name: value for name, value in given.items() if value is not None})
        favoured = round(self.favoured_share * links)
        if favoured == 0:
            return plain
        weights = np.ones(links, dtype=np.float32)
        weights[:favoured] = self.favoured_weight
        return Weighted(plain, weights)
