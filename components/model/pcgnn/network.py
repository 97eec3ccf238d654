"""PCGNN: message passing over the interference graph, the learned baseline that the paper compares with.

Shen, Shi, Zhang and Letaief, "Graph neural networks for scalable radio resource management" (IEEE JSAC, 2021) and their
"Graph neural networks for wireless communications" (IEEE TWC, 2023). One message network and one update network are
applied three times; a link's state is its power, so its output after any round is an allocation.
Shapes: B graphs, K links. Row = receiver k, column = transmitter j.
"""

import torch
from pydantic import Field
from torch import Tensor, nn

from components.channel.torch_rng import seeded
from components.config import Strict
from components.model.features import GainScaling, cross_gains, direct_gains
from components.model.pcgnn import NEVER

_NODE, _EDGE = 3, 2  # direct gain, weight and power of a link; gains of a pair in both directions
# Layer sizes as published: messages 5 -> 16 -> 32, updates 35 -> 16 -> 1.
_HIDDEN, _MESSAGE, _UPDATE = 16, 32, 16


class PCGNNConfig(Strict):
    """How often messages are passed (three times, as published), and what standardises the gains."""

    rounds: int = Field(default=3, ge=1)
    scaling: GainScaling = GainScaling()


class Messages(nn.Module):
    """What a link hears from all others, and what it makes of that: everything but the last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.of_node, self.of_edge = nn.Linear(_NODE, _HIDDEN), nn.Linear(_EDGE, _HIDDEN, bias=False)
        self.message = nn.Linear(_HIDDEN, _MESSAGE)
        self.update = nn.Linear(_NODE + _MESSAGE, _UPDATE)

    def forward(self, nodes: Tensor, cross: Tensor, absent: Tensor) -> Tensor:
        """Map nodes [B, K, 3], standardised gains [B, K, K] and pairs without messages [B, K, K] to [B, K, u]."""
        heard = self._strongest(nodes, cross, absent)
        return torch.relu(self.update(torch.cat([nodes, heard], dim=-1)))

    def _strongest(self, nodes: Tensor, cross: Tensor, absent: Tensor) -> Tensor:
        """Bias and rectifier commute with the maximum: they come after it, on K times fewer numbers."""
        if nodes.device.type == "cpu" and nodes.dtype == torch.float32 and not torch.compiler.is_exporting():
            from components.model.pcgnn.max_aggregation import (
                strongest,  # a machine that only pre-trains has no compiler
            )

            best = strongest(self.of_node(nodes), self.of_edge.weight, self.message.weight, cross, absent)
        else:
            sent = self._sent(nodes, cross).masked_fill(absent, NEVER)
            best = sent.amax(-1).permute(1, 2, 0)
        return torch.relu(best + self.message.bias)  # [B, K, m]

    def _sent(self, nodes: Tensor, cross: Tensor) -> Tensor:
        """Every message before its bias and rectifier, [m, B, K, K]."""
        pairs = torch.stack([cross, cross.mT]).flatten(1)  # [2, B K K]
        edges = (self.of_edge.weight @ pairs).unflatten(1, cross.shape)  # [h, B, K, K]
        sender = self.of_node(nodes).permute(2, 0, 1).unsqueeze(2)  # [h, B, 1, K]
        hidden = torch.relu(edges + sender).flatten(1)
        return (self.message.weight @ hidden).unflatten(1, cross.shape)


class PCGNN(nn.Module):
    """Gains in dB to one power per link, by message passing; equivariant to the order of links."""

    def __init__(self, config: PCGNNConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Messages()
        self.head = nn.Linear(_UPDATE, 1)

    def forward(
        self, gain_db: Tensor, edge_mask: Tensor | None = None, link_mask: Tensor | None = None
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1].

        Args:
            gain_db: [B, K, K], dB over noise at full power.
            edge_mask: [B, K, K] bool; True hides a pair: no message passes, and its gains are not read.
            link_mask: [B, K] bool; True is a real link, padding sends nothing.
        """
        own = torch.eye(gain_db.shape[-1], dtype=torch.bool, device=gain_db.device).expand(gain_db.shape)
        direct, absent = direct_gains(gain_db, self.config.scaling), own
        if link_mask is not None:
            absent = absent | ~link_mask.unsqueeze(-2)
            direct = torch.where(link_mask, direct, 0.0)
        if edge_mask is not None:
            absent = absent | edge_mask
        if absent is not own:  # what is hidden may hold anything, NaN too
            gain_db = torch.where(absent | absent.mT, 0.0, gain_db)
        cross = cross_gains(gain_db, self.config.scaling)
        power = torch.ones_like(direct)
        for _ in range(self.config.rounds):
            nodes = torch.stack([direct, torch.ones_like(direct), power], dim=-1)
            power = torch.sigmoid(self.head(self.backbone(nodes, cross, absent)).squeeze(-1))
        return power


def fresh_pcgnn(config: PCGNNConfig, seed: int) -> PCGNN:
    """An untrained one, its weights drawn from the seed's stream."""
    with seeded(seed, "pcgnn", "weights"):
        return PCGNN(config)
