"""The self-supervised objectives of pre-training: masked edge prediction and teacher-student consistency.

Equation numbers are the paper's. Shapes: B graphs, K links, d backbone width.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from torch.optim.swa_utils import AveragedModel

from components.model.backbone import Backbone, BackboneConfig
from components.model.conditioning import Goals, goal_loss
from components.model.features import cross_gains, edge_features
from components.model.heads import PowerHead
from components.model.prompted import ConditioningConfig, Embedding, GoalBackbone
from components.model.rates import spectral_efficiency
from gfm_ra.units import db_to_linear


class PretextLosses(NamedTuple):
    """Scalars of one batch: L_edge (8), as a mean over masked links, L_cl (12), and minus the goals' utility.

    Beside them the mean squared error with which a goal-conditioned backbone estimates hidden gains from within. What
    was not asked for is zero.
    """

    edge: Tensor
    consistency: Tensor
    estimate: Tensor
    goal: Tensor


class Task(NamedTuple):
    """What the student is asked for."""

    edges: bool = True  # predict hidden edges
    target: Tensor | None = None  # y_t of (10), [B K, d], without gradient; None = no consistency
    goals: Goals | None = None  # of a goal-conditioned student


class EdgeDecoder(nn.Module):
    """d_Psi of (7): the embeddings of receiver k and transmitter j to the edge feature [h_kj, h_jk]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(32, width // 4)
        # The first layer acts on the concatenation [z_k, z_j]; split, it runs once per link, not per edge.
        self.receiver = nn.Linear(width, hidden)
        self.transmitter = nn.Linear(width, hidden, bias=False)
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(hidden, 2))

    def forward(self, z: Tensor, graph: Tensor, receiver: Tensor, transmitter: Tensor) -> Tensor:
        """Predict [E, 2] standardised edge features for the E edges (graph, k, j), each index [E]."""
        return self.out(self.receiver(z)[graph, receiver] + self.transmitter(z)[graph, transmitter])


def _normalised_mlp(width_in: int, hidden: int, width_out: int) -> nn.Sequential:
    # BatchNorm is what keeps the embeddings from collapsing onto one direction: see docs/log.md.
    return nn.Sequential(
        nn.Linear(width_in, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, width_out)
    )


class Encoder(nn.Module):
    """Backbone f and projector g: the part that the teacher copies."""

    def __init__(self, config: BackboneConfig, conditioning: ConditioningConfig | None = None) -> None:
        super().__init__()
        self.backbone = Backbone(config) if conditioning is None else GoalBackbone(config, conditioning)
        self.projector = _normalised_mlp(config.width, config.width, config.width)

    def embed(self, gain_db: Tensor, goals: Goals | None, edge_mask: Tensor | None = None) -> Embedding:
        """Embeddings of the links of gain_db [B, K, K]; `goals` exactly if the encoder is conditioned."""
        if isinstance(self.backbone, GoalBackbone):
            return self.backbone(gain_db, goals, edge_mask)
        return Embedding(self.backbone(gain_db, edge_mask))

    def project(self, z: Tensor) -> Tensor:
        """Map z [B, K, d] to rows [B K, d]."""
        return self.projector(z.flatten(0, 1))


class Student(nn.Module):
    """Everything that pre-training updates by gradient: encoder, predictor q, edge decoder, power head."""

    def __init__(self, config: BackboneConfig, conditioning: ConditioningConfig | None = None) -> None:
        super().__init__()
        self.encoder = Encoder(config, conditioning)
        self.predictor = _normalised_mlp(config.width, config.width, config.width)
        self.edge_decoder = EdgeDecoder(config.width)
        self.head = None if conditioning is None else PowerHead(config.width)
        self.tentative_weight = 0.0 if conditioning is None else conditioning.tentative_weight
        self.scaling = config.scaling

    def forward(self, gain_db: Tensor, edge_mask: Tensor, task: Task) -> PretextLosses:
        """All losses on the masked view.

        Args:
            gain_db: [B, K, K].
            edge_mask: [B, K, K] bool, symmetric, True = hidden.
            task: which losses are asked for.
        """
        z, estimate, tentative = self.encoder.embed(gain_db, task.goals, edge_mask)  # (6)
        none = torch.zeros((), device=z.device)
        return PretextLosses(
            self._edge_loss(z, gain_db, edge_mask) if task.edges else none,
            none if task.target is None else self._consistency_loss(z, task.target),
            none if estimate is None or not task.edges else self._estimate_loss(estimate, gain_db, edge_mask),
            none if task.goals is None else self._goal_loss(z, tentative, gain_db, task.goals),
        )

    def _consistency_loss(self, z: Tensor, target: Tensor) -> Tensor:
        prediction = self.predictor(self.encoder.project(z))  # (9)
        return -cosine_similarity(prediction.float(), target.float(), dim=-1).mean()  # (12)

    def _edge_loss(self, z: Tensor, gain_db: Tensor, edge_mask: Tensor) -> Tensor:
        graph, receiver, transmitter = edge_mask.nonzero(as_tuple=True)
        predicted = self.edge_decoder(z, graph, receiver, transmitter).float()
        truth = edge_features(gain_db, self.scaling)[:, graph, receiver, transmitter].mT
        # (8) sums over masked links; the mean keeps lambda's meaning the same for every K and ratio.
        return (predicted - truth).square().sum() / max(1, truth.numel())

    def _estimate_loss(self, estimate: Tensor, gain_db: Tensor, edge_mask: Tensor) -> Tensor:
        error = torch.where(edge_mask, estimate - cross_gains(gain_db, self.scaling), 0.0)
        return error.square().sum() / edge_mask.sum().clamp_min(1)

    def _goal_loss(self, z: Tensor, tentative: tuple[Tensor, ...], gain_db: Tensor, goals: Goals) -> Tensor:
        gain = db_to_linear(gain_db)
        loss = goal_loss(spectral_efficiency(self.power(z), gain), goals)
        if tentative and self.tentative_weight > 0:
            losses = [goal_loss(spectral_efficiency(power, gain), goals) for power in tentative]
            loss = loss + self.tentative_weight * torch.stack(losses).mean()
        return loss

    def power(self, z: Tensor) -> Tensor:
        """Powers [B, K] that a conditioned student sets, from z [B, K, d]."""
        assert self.head is not None, "only a goal-conditioned student has a power head"
        return self.head(z).float()


class Teacher(nn.Module):
    """theta_t and xi' of (11): exponential moving averages of the student's encoder, buffers included."""

    def __init__(self, encoder: Encoder, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.average = AveragedModel(encoder, use_buffers=True)
        self.average.requires_grad_(False)
        # The average starts as a copy (Algorithm 1, line 2); n_averaged = 0 would copy once more.
        self.average.n_averaged.fill_(1)

    @torch.no_grad()
    def forward(self, gain_db: Tensor, goals: Goals | None = None) -> Tensor:
        """y_t of (10) on the full view, under the student's goals: [B K, d]."""
        encoder = cast(Encoder, self.average.module)
        return encoder.project(encoder.embed(gain_db, goals).z)

    @torch.no_grad()
    def update(self, encoder: Encoder) -> None:
        """One step of (11)."""
        # What AveragedModel.update_parameters does, without asking the device twice for numbers that are known here.
        average = cast(Encoder, self.average.module)
        pairs = zip(
            (*average.parameters(), *average.buffers()),
            (*encoder.parameters(), *encoder.buffers()),
            strict=True,
        )
        floats: tuple[list[Tensor], list[Tensor]] = ([], [])
        for kept, new in pairs:
            if kept.is_floating_point():
                floats[0].append(kept)
                floats[1].append(new)
            else:
                kept.copy_(kept * self.decay + new * (1 - self.decay))
        torch._foreach_lerp_(*floats, 1 - self.decay)  # pyright: ignore
        self.average.n_averaged += 1
