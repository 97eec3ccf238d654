"""The self-supervised objectives of pre-training: masked edge prediction and teacher-student consistency.

Equation numbers are the paper's. Shapes: B graphs, K links, d backbone width.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from components.backbone import Backbone, BackboneConfig
from components.features import edge_features


class PretextLosses(NamedTuple):
    """Scalars of one batch: L_edge (8), as a mean over masked links, and L_cl (12)."""

    edge: Tensor
    consistency: Tensor


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

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.backbone = Backbone(config)
        self.projector = _normalised_mlp(config.width, config.width, config.width)

    def project(self, z: Tensor) -> Tensor:
        """Map z [B, K, d] to rows [B K, d]."""
        return self.projector(z.flatten(0, 1))


class Student(nn.Module):
    """Everything that pre-training updates by gradient: encoder, predictor q, edge decoder."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.predictor = _normalised_mlp(config.width, config.width, config.width)
        self.edge_decoder = EdgeDecoder(config.width)

    def forward(self, gain_db: Tensor, edge_mask: Tensor, target: Tensor) -> PretextLosses:
        """Both losses on the masked view.

        Args:
            gain_db: [B, K, K].
            edge_mask: [B, K, K] bool, symmetric, True = hidden.
            target: y_t of (10), [B K, d], without gradient.
        """
        backbone = self.encoder.backbone
        z = backbone(gain_db, edge_mask=edge_mask)  # (6)
        prediction = self.predictor(self.encoder.project(z))  # (9)
        consistency = -cosine_similarity(prediction.float(), target.float(), dim=-1).mean()  # (12)
        return PretextLosses(self._edge_loss(z, gain_db, edge_mask), consistency)

    def _edge_loss(self, z: Tensor, gain_db: Tensor, edge_mask: Tensor) -> Tensor:
        graph, receiver, transmitter = edge_mask.nonzero(as_tuple=True)
        predicted = self.edge_decoder(z, graph, receiver, transmitter).float()
        truth = edge_features(gain_db, self.encoder.backbone.config.scaling)[
            :, graph, receiver, transmitter
        ].mT
        # (8) sums over masked links; the mean keeps lambda's meaning the same for every K and ratio.
        return (predicted - truth).square().mean()


class Teacher(nn.Module):
    """theta_t and xi' of (11): exponential moving averages of the student's encoder, buffers included."""

    def __init__(self, encoder: Encoder, decay: float) -> None:
        super().__init__()
        self.average = AveragedModel(encoder, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        self.average.requires_grad_(False)
        # The average starts as a copy (Algorithm 1, line 2); n_averaged = 0 would copy once more.
        self.average.n_averaged.fill_(1)

    @torch.no_grad()
    def forward(self, gain_db: Tensor) -> Tensor:
        """y_t of (10) on the full view: [B K, d]."""
        encoder = cast(Encoder, self.average.module)
        return encoder.project(encoder.backbone(gain_db))

    @torch.no_grad()
    def update(self, encoder: Encoder) -> None:
        """One step of (11)."""
        self.average.update_parameters(encoder)
