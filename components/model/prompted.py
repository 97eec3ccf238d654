"""One model for any goal: a graph Transformer that reads a goal prompt and, between its layers, what its own tentative
powers would do.

Beyond the paper. Between two layers every link sets a tentative power, equations (1)-(2) give the rates that would
follow, and the link learns its marginal gain and the marginal harm that it does to others under the goal: the two
quantities that a classical solver balances. Hidden gains are estimated from the embeddings first.
Shapes: B graphs, K links, d width. Row = receiver, column = transmitter.
"""

from typing import NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from components.config import Strict
from components.model.backbone import Backbone, BackboneConfig
from components.model.conditioning import Goals, goals_of
from components.model.heads import PowerHead
from components.model.rates import exactly, rate_of
from gfm_ra.goals import Objective, Weighted
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

_RATE_FLOOR = 1e-3  # bit/s/Hz; a link that is silent for the moment must not drown the others' slopes
_TINY = 1e-6
_PROMPT_FEATURES, _FEEDBACK_FEATURES = 4, 8
_LARGEST_FEATURE = 6.0
_ESTIMATE_LIMIT_DB = 60.0


class ConditioningConfig(Strict):
    """How a backbone is conditioned on a goal."""

    feedback_steps: int = Field(
        default=2, ge=0
    )  # tentative powers before each layer and the head; 0 = prompt only
    # How much the tentative powers' utility counts in training beside the final ones': without it they are hardly
    # powers at all, and what follows from them says little.
    tentative_weight: float = Field(default=0.5, ge=0)
    estimate_rank: int = Field(default=24, ge=1)  # of the bilinear estimate of hidden gains


class Embedding(NamedTuple):
    """z [B, K, d]; the standardised estimate of cross gains [B, K, K] if something was hidden; tentative powers."""

    z: Tensor
    estimate: Tensor | None = None
    tentative: tuple[Tensor, ...] = ()  # each [B, K]


class PromptEncoder(nn.Module):
    """Goal to vectors that are added to the node embeddings: what all links share, and each link's weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(_PROMPT_FEATURES, width), nn.ReLU(), nn.Linear(width, width))
        # What prompt tuning trains; zero for every goal that the parameters describe.
        self.tuned = nn.Parameter(torch.zeros(width))

    def forward(self, goals: Goals, link_mask: Tensor | None) -> Tensor:
        """Map goals to [B, K, d]."""
        alpha, min_rate, penalty = goals.columns()
        # Only the ratios of weights matter.
        priority = (goals.weights + _TINY).log() - (_mean(goals.weights, link_mask, -1) + _TINY).log()
        shared = (alpha, torch.log1p(penalty), min_rate)
        features = [*(value.expand_as(priority) for value in shared), priority.clamp_min(-_LARGEST_FEATURE)]
        return self.mlp(torch.stack(features, dim=-1)) + self.tuned


def _mean(values: Tensor, mask: Tensor | None, links: int) -> Tensor:
    """Mean over the real links, which dimension `links` counts; that dimension stays, with one entry."""
    if mask is None:
        return values.mean(links, keepdim=True)
    return (values * mask).sum(links, keepdim=True) / mask.sum(links, keepdim=True).clamp_min(1)


class HiddenGains(nn.Module):
    """Estimate of every cross gain from the embeddings of its two links: bilinear, so one product per graph."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.receiver, self.transmitter = nn.Linear(width, rank + 1), nn.Linear(width, rank + 1)
        # Mean interference exceeds the interference of mean decibels; how much is learnt.
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor) -> Tensor:
        """Standardised gains [B, K, K] from z [B, K, d]."""
        receiver, transmitter = self.receiver(z).float(), self.transmitter(z).float()
        rank = receiver.shape[-1] - 1
        with exactly(z.device):
            product = torch.matmul(receiver[..., 1:], transmitter[..., 1:].mT) / rank**0.5
        return product + receiver[..., :1] + transmitter[..., :1].mT


class Channel(NamedTuple):
    """Linear gains as far as they are known or estimated: own [B, K], crossing [B, K, K] with an empty diagonal."""

    own: Tensor
    crossing: Tensor


class Feedback(nn.Module):
    """Tentative powers, their consequences under the goal, and what each link makes of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.power = nn.Linear(width, 1)
        self.mlp = nn.Sequential(
            nn.Linear(_FEEDBACK_FEATURES, width // 2), nn.ReLU(), nn.Linear(width // 2, width)
        )

    def forward(
        self, z: Tensor, channel: Channel, goals: Goals, link_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """z [B, K, d] with what the links have learnt added, and the tentative powers [B, K]."""
        power = torch.sigmoid(self.power(z).squeeze(-1).float())
        power = power if link_mask is None else power * link_mask
        return z + self.mlp(consequences(power, channel, goals, link_mask)), power


def consequences(power: Tensor, channel: Channel, goals: Goals, link_mask: Tensor | None) -> Tensor:
    """What powers [B, K] would lead to, as [B, K, 8] features of order one.

    Power; interference; rate; marginal utility of own power; marginal harm to the others; their balance; for goals
    with a least rate, the distance to it and the power that would reach it.
    """
    with exactly(power.device):
        # Columns [B, K, 1] throughout: sums over links are products with the matrix of gains, and nothing has to be
        # reshaped, which counts where each of a hundred small operations costs a microsecond.
        return _consequences(power.unsqueeze(-1), channel, goals, link_mask)


def _consequences(power: Tensor, channel: Channel, goals: Goals, link_mask: Tensor | None) -> Tensor:
    alpha, min_rate, penalty = (values.unsqueeze(-1) for values in goals.columns())  # [B, 1, 1]
    own, weights = channel.own.unsqueeze(-1), goals.weights.unsqueeze(-1)
    mask = None if link_mask is None else link_mask.unsqueeze(-1)
    interference = 1.0 + torch.matmul(channel.crossing, power)
    signal = own * power
    total = interference + signal
    rate = rate_of(signal, interference)
    # A smooth step where the penalty sets in, so that links just above it know of it.
    below = torch.sigmoid(20.0 * (min_rate - rate))
    slope = weights * ((rate + _RATE_FLOOR) ** (-alpha) + penalty * below)
    slope = slope if mask is None else slope * mask
    # Marginal utility of the received total, in units of the mean link's stake.
    worth = slope / (_mean(slope * rate, mask, -2).clamp_min(_TINY) * total)
    harm = torch.matmul(channel.crossing.mT, worth * (signal / interference))
    log_benefit, log_harm = (worth * own + _TINY).log(), (harm + _TINY).log()
    has_least = (penalty > 0).to(rate.dtype)
    needed = interference * ((torch.exp2(min_rate) - 1.0) / own.clamp_min(_TINY))
    features = [
        2.0 * power - 1.0,
        interference.log() / 5.0 - 1.0,
        rate / 4.0 - 1.0,
        log_benefit / 5.0,
        log_harm / 5.0,
        (log_benefit - log_harm) / 4.0,
        has_least * (4.0 * (rate - min_rate)).clamp(-1.0, 1.0),
        has_least * needed.clamp(_TINY, 10.0).log() / 5.0,
    ]
    return torch.cat(features, dim=-1).clamp(-_LARGEST_FEATURE, _LARGEST_FEATURE)


class GoalBackbone(nn.Module):
    """The paper's backbone, conditioned on a goal."""

    def __init__(self, config: BackboneConfig, conditioning: ConditioningConfig) -> None:
        super().__init__()
        self.config, self.conditioning = config, conditioning
        self.backbone = Backbone(config)
        self.prompt = PromptEncoder(config.width)
        # Only feedback has a use for estimates.
        self.hidden_gains = (
            HiddenGains(config.width, conditioning.estimate_rank) if conditioning.feedback_steps else None
        )
        self.feedback = nn.ModuleList(
            # One before every layer and one before the head.
            Feedback(config.width)
            for _ in range(config.layers + 1 if conditioning.feedback_steps else 0)
        )

    def forward(
        self,
        gain_db: Tensor,
        goals: Goals,
        edge_mask: Tensor | None = None,
        link_mask: Tensor | None = None,
    ) -> Embedding:
        """Embed every link of gain_db [B, K, K] under its graph's goal; masks as in `Backbone.forward`."""
        z, bias = self.backbone.start(gain_db, edge_mask, link_mask)
        z, estimate = z + self.prompt(goals, link_mask), None
        channel = self._channel(gain_db, edge_mask, link_mask, None) if self.feedback else None
        tentative: list[Tensor] = []
        for index in range(len(self.backbone.layers) + 1):
            if channel is not None:
                for _ in range(self.conditioning.feedback_steps):
                    z, power = self.feedback[index](z, channel, goals, link_mask)
                    tentative.append(power)
            if index < len(self.backbone.layers):
                z = self.backbone.layers[index](z, bias)
                if edge_mask is not None and self.hidden_gains is not None:
                    # Only now does a link know of its neighbours; until then hidden gains are a constant.
                    estimate = self.hidden_gains(z)
                    channel = self._channel(gain_db, edge_mask, link_mask, estimate)
        return Embedding(self.backbone.norm(z), estimate, tuple(tentative))

    def _channel(
        self, gain_db: Tensor, edge_mask: Tensor | None, link_mask: Tensor | None, estimate: Tensor | None
    ) -> Channel:
        known_db = gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB)
        if edge_mask is not None and self.hidden_gains is not None:
            scaling = self.config.scaling
            guess = self.hidden_gains.offset if estimate is None else estimate + self.hidden_gains.offset
            guess_db = scaling.cross_mean_db + scaling.cross_std_db * guess
            guess_db = guess_db.clamp(-_ESTIMATE_LIMIT_DB, _ESTIMATE_LIMIT_DB)
            known_db = torch.where(edge_mask, guess_db, known_db)
        gain = db_to_linear(known_db)
        links = gain.shape[-1]
        own, silent = gain.diagonal(dim1=-2, dim2=-1), torch.eye(links, dtype=torch.bool, device=gain.device)
        if link_mask is not None:
            # Whatever padding holds, it must not reach a sum.
            silent = silent | ~link_mask.unsqueeze(-1) | ~link_mask.unsqueeze(-2)
            own = torch.where(link_mask, own, 1.0)
        return Channel(own, torch.where(silent, 0.0, gain))


class PromptedModel(nn.Module):
    """Gains and a goal to powers."""

    def __init__(self, config: BackboneConfig, conditioning: ConditioningConfig) -> None:
        super().__init__()
        self.backbone = GoalBackbone(config, conditioning)
        self.head = PowerHead(config.width)

    @classmethod
    def of(cls, backbone: GoalBackbone, head: PowerHead) -> "PromptedModel":
        """The model of parts that exist already, sharing them."""
        with torch.device("meta"):
            model = cls(backbone.config, backbone.conditioning)
        model.backbone, model.head = backbone, head
        return model

    def forward(
        self,
        gain_db: Tensor,
        goals: Goals,
        edge_mask: Tensor | None = None,
        link_mask: Tensor | None = None,
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1]."""
        return self.head(self.backbone(gain_db, goals, edge_mask, link_mask).z)


class FixedGoal(nn.Module):
    """A goal-conditioned model as a power model of one objective: what fine-tuning adapts.

    Raises ValueError for weights that differ from graph to graph: batches are shuffled, so they would be mixed up.
    """

    def __init__(self, model: PromptedModel, objective: Objective) -> None:
        super().__init__()
        if isinstance(objective, Weighted) and np.ndim(objective.weights) > 1:
            raise ValueError("goal: a fixed goal has one weight per link, the same for every graph")
        self.backbone, self.head = model.backbone, model.head
        self.objective = objective

    def forward(
        self, gain_db: Tensor, edge_mask: Tensor | None = None, link_mask: Tensor | None = None
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1]."""
        goals = goals_of(self.objective, gain_db.shape[0], gain_db.shape[-1]).to(gain_db.device)
        return self.head(self.backbone(gain_db, goals, edge_mask, link_mask).z)
