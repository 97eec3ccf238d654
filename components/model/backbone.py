"""The interference-aware graph Transformer, equations (4)-(5).

Shape legend: B graphs, K links (nodes), d model width, M heads, d_m = d / M.
Row = receiver k, column = transmitter j, everywhere.
"""

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from components.config import Strict
from components.model.features import (
    NODE_FEATURE_COUNT,
    GainScaling,
    NodeFeatures,
    edge_features,
    node_features,
)


class BackboneConfig(Strict):
    """Size of the graph Transformer; the defaults are Table I."""

    layers: int = Field(default=6, ge=1)
    width: int = Field(default=768, ge=1)
    heads: int = Field(default=32, ge=1)
    bias_width: int = Field(default=32, ge=1)  # hidden width of phi_B
    node_features: NodeFeatures = (
        "direct"  # the paper's; the others leave the plateau sooner, see features.py
    )
    scaling: GainScaling = GainScaling()

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "BackboneConfig":
        if self.width % self.heads:
            raise ValueError(
                f"width {self.width} is not divisible by heads {self.heads}: "
                "choose heads among the divisors of width"
            )
        return self


class BiasProjector(nn.Module):
    """phi_B of (4): edge features -> one additive attention bias per head, shared by all layers."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.hidden = nn.Linear(2, config.bias_width)
        self.out = nn.Linear(config.bias_width, config.heads)

    def forward(self, edges: Tensor) -> Tensor:
        """Map edges [2, B, K, K] to biases [B, M, K, K]."""
        # Features stay in front: two products over all edges at once, three times as fast as edge by edge.
        hidden = torch.relu(_project(self.hidden, edges.flatten(1)))  # [h, B K K]
        return _project(self.out, hidden).unflatten(1, edges.shape[1:]).transpose(0, 1)


def _project(layer: nn.Linear, columns: Tensor) -> Tensor:
    """Apply a linear layer to columns: [in, N] -> [out, N]."""
    return torch.addmm(layer.bias.unsqueeze(1), layer.weight, columns)


class Layer(nn.Module):
    """One pre-norm Transformer layer whose attention scores carry the interference bias."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.output = nn.Linear(config.width, config.width)
        self.feedforward_norm = nn.LayerNorm(config.width)
        # Feed-forward width d, not 4d: only this fits the sizes that the paper quotes.
        self.feedforward = nn.Sequential(
            nn.Linear(config.width, config.width), nn.ReLU(), nn.Linear(config.width, config.width)
        )

    def forward(self, z: Tensor, bias: Tensor) -> Tensor:
        """Map z [B, K, d] and bias [B, M, K, K] to z [B, K, d]."""
        z = z + self.output(self._attend(self.attention_norm(z), bias))  # (5)
        return z + self.feedforward(self.feedforward_norm(z))

    def _attend(self, z: Tensor, bias: Tensor) -> Tensor:
        batch, links, width = z.shape
        qkv = self.query_key_value(z).reshape(batch, links, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each [B, M, K, d_m]
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=bias)  # (4)
        return mixed.transpose(1, 2).reshape(batch, links, width)


class Backbone(nn.Module):
    """f_Phi of (6): a gain matrix in dB to one embedding per link; equivariant to the order of links."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.node_encoder = nn.Sequential(
            nn.Linear(NODE_FEATURE_COUNT[config.node_features], config.width),
            nn.ReLU(),
            nn.Linear(config.width, config.width),
        )
        self.mask_vector = nn.Parameter(torch.zeros(2))  # stands for e_kj of a hidden pair
        self.bias_projector = BiasProjector(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(
        self, gain_db: Tensor, edge_mask: Tensor | None = None, link_mask: Tensor | None = None
    ) -> Tensor:
        """Embed every link.

        Args:
            gain_db: [B, K, K], dB over noise at full power.
            edge_mask: [B, K, K] bool, symmetric; True hides the pair (k, j): neither h_kj nor h_jk is read.
            link_mask: [B, K] bool; True is a real link, False is padding that no real link attends to.

        Returns:
            z^(L): [B, K, d]. Rows of padding hold finite values without meaning.
        """
        z, bias = self.start(gain_db, edge_mask, link_mask)
        for layer in self.layers:
            z = layer(z, bias)
        return self.norm(z)

    def start(
        self, gain_db: Tensor, edge_mask: Tensor | None, link_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """What enters the first layer: z^(0) [B, K, d] and the attention biases [B, M, K, K]."""
        scaling = self.config.scaling
        if link_mask is not None:
            # Whatever padding holds, not even NaN may get into a product.
            gain_db = torch.where(link_mask.unsqueeze(-1) & link_mask.unsqueeze(-2), gain_db, 0.0)
        edges = edge_features(gain_db, scaling)  # [2, B, K, K]
        if edge_mask is not None:
            edges = torch.where(edge_mask, self.mask_vector.reshape(2, 1, 1, 1), edges)
        bias = self.bias_projector(edges)  # [B, M, K, K]
        if link_mask is not None:
            # A large finite value instead of -inf: a graph that is all padding must not give NaN.
            bias = bias.masked_fill(~link_mask[:, None, None, :], -1e9)
        nodes = node_features(gain_db, scaling, self.config.node_features, edge_mask, link_mask)  # [B, K, F]
        return self.node_encoder(nodes), bias
