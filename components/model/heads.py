"""From embeddings to powers: the decision head (14) and the model that registers, serves and fine-tunes."""

import torch
from torch import Tensor, nn

from components.model.backbone import Backbone, BackboneConfig


class PowerHead(nn.Module):
    """p_k / Pmax = sigmoid(MLP(z_k)), a two-layer ReLU network shared by all links (14)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, z: Tensor) -> Tensor:
        """Map z [B, K, d] to power [B, K] in [0, 1]."""
        return torch.sigmoid(self.mlp(z).squeeze(-1))


class PowerModel(nn.Module):
    """Backbone and head: a gain matrix in dB to one power per link."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.backbone = Backbone(config)
        self.head = PowerHead(config.width)

    def forward(
        self, gain_db: Tensor, edge_mask: Tensor | None = None, link_mask: Tensor | None = None
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1]; the masks are those of `Backbone.forward`."""
        return self.head(self.backbone(gain_db, edge_mask, link_mask))
