"""Unfolded WMMSE (UWMMSE): iterations of WMMSE whose weights come from small graph networks.

Chowdhury, Verma, Rao, Swami and Segarra, "Unfolding WMMSE using graph neural networks for efficient power allocation"
(IEEE TWC, 2021). Layer k computes, from amplitudes v and with h_kj the amplitude of a channel,

    u_k = h_kk v_k / (1 + sum_j h_kj^2 v_j^2)
    w_k = a_k / (1 - u_k h_kk v_k) + b_k
    v_k = min(1, u_k h_kk w_k / sum_j h_jk^2 u_j^2 w_j)

with a and b from graph networks of its own; a = 1 and b = 0 is WMMSE for the sum rate.
Shapes: B graphs, K links. Row = receiver k, column = transmitter j.
"""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, logsigmoid

from components.channel.torch_rng import seeded
from components.config import Strict
from gfm_ra.units import db_to_linear

_LEAST_DIVISOR = 1e-30  # a network in which nobody sends any more stays silent


class UnfoldedWMMSEConfig(Strict):
    """Layers of WMMSE (four, as published) and the width of the graph networks' hidden layer (five)."""

    layers: int = Field(default=4, ge=1)
    hidden: int = Field(default=5, ge=1)


class GraphFilter(nn.Module):
    """diag(A) X W0 + A X W1 + c: what a link makes of itself and of those it hears."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.of_itself, self.of_all = nn.Linear(width, out), nn.Linear(width, out, bias=False)

    def forward(self, features: Tensor, adjacency: Tensor) -> Tensor:
        """Map features [B, K, F] and adjacency [B, K, K] to [B, K, out]."""
        own = adjacency.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)  # [B, K, 1]
        return self.of_itself(own * features) + adjacency @ self.of_all(features)


class UnfoldedWMMSE(nn.Module):
    """Gains in dB to one power per link for the sum rate; equivariant to the order of links.

    `backbone` holds the first filters of all layers, `head` the second ones.
    """

    def __init__(self, config: UnfoldedWMMSEConfig) -> None:
        super().__init__()
        self.config = config
        # One for a and one for b: their hidden features stand side by side.
        self.backbone = nn.ModuleList(GraphFilter(1, 2 * config.hidden) for _ in range(config.layers))
        self.head = nn.ModuleList(
            GraphFilter(config.hidden, 1) for _ in range(config.layers) for _ in range(2)
        )

    def forward(self, gain_db: Tensor, edge_mask: Tensor | None = None) -> Tensor:
        """Map gain_db [B, K, K], dB over noise at full power, to power [B, K] in [0, 1].

        edge_mask [B, K, K] bool: True hides a pair, whose gains count as none and are not read.
        """
        gain = db_to_linear(gain_db if edge_mask is None else torch.where(edge_mask, -torch.inf, gain_db))
        adjacency = gain.sqrt() / gain.amax((-2, -1), keepdim=True).sqrt()  # the paper leaves its scale open
        amplitude = torch.ones_like(gain[..., 0])  # [B, K]
        for layer in range(self.config.layers):
            amplitude = iterate(gain, amplitude, *self.coefficients(layer, adjacency))
        return amplitude.square()

    def coefficients(self, layer: int, adjacency: Tensor) -> tuple[Tensor, Tensor]:
        """a and b [B, K] of a layer, from amplitudes [B, K, K] over the network's largest.

        Both are sigmoids over the largest of them all: a layer depends on their ratios alone, and far from what it was
        trained on every sigmoid may lie below what float32 holds.
        """
        features = adjacency.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)  # [B, K, 1]
        hidden = leaky_relu(self.backbone[layer](features, adjacency))  # [B, K, 2 h]
        heads = zip(self.head[2 * layer : 2 * layer + 2], hidden.chunk(2, -1), strict=True)
        logarithms = torch.cat([logsigmoid(head(part, adjacency)) for head, part in heads], -1)  # [B, K, 2]
        scale, offset = (logarithms - logarithms.detach().amax((1, 2), keepdim=True)).exp().unbind(-1)
        return scale, offset


def iterate(gain: Tensor, amplitude: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """One layer: amplitudes [B, K] in [0, 1] from gain [B, K, K], linear, and the weights a and b [B, K]."""
    direct, power = gain.diagonal(dim1=-2, dim2=-1), amplitude.square()  # [B, K]
    cross = gain - torch.diag_embed(direct)
    # Not as a difference of total and signal: at high SINR nothing would be left of the noise.
    interference = 1.0 + (cross @ power.unsqueeze(-1)).squeeze(-1)
    total = interference + direct * power
    weight = scale * total / interference + offset  # 1 / (1 - u h v) = 1 + SINR
    pull = direct / total * amplitude * weight  # u h w
    push = pull * amplitude / total  # u^2 w
    divisor = (gain.mT @ push.unsqueeze(-1)).squeeze(-1)
    return (pull / divisor.clamp_min(_LEAST_DIVISOR)).clamp_max(1.0)


def fresh_unfolded_wmmse(config: UnfoldedWMMSEConfig, seed: int) -> UnfoldedWMMSE:
    """An untrained one, its weights drawn from the seed's stream."""
    with seeded(seed, "unfolded-wmmse", "weights"):
        return UnfoldedWMMSE(config)
