"""From a gain matrix in dB to what the graph Transformer reads: node features and edge features.

Shape legend: B graphs, K links. Row = receiver k, column = transmitter j.
"""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from components.config import Strict
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB

LANDMARKS = 8

NodeFeatures = Literal["direct", "statistics", "landmarks"]
NODE_FEATURE_COUNT: dict[NodeFeatures, int] = {"direct": 1, "statistics": 7, "landmarks": 7 + 2 * LANDMARKS}


class GainScaling(Strict):
    """Fixed constants (dB) that standardise the features; part of every checkpoint.

    The defaults are rounded moments over the scenarios D1-D20.
    """

    direct_mean_db: float = 42.0
    direct_std_db: float = Field(default=15.0, gt=0)
    cross_mean_db: float = 7.0
    cross_std_db: float = Field(default=15.0, gt=0)


def direct_gains(gain_db: Tensor, scaling: GainScaling) -> Tensor:
    """Standardised h_kk, [B, K]."""
    direct_db = gain_db.diagonal(dim1=-2, dim2=-1).clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB)
    return (direct_db - scaling.direct_mean_db) / scaling.direct_std_db


def cross_gains(gain_db: Tensor, scaling: GainScaling) -> Tensor:
    """Standardised h_kj, [B, K, K]; the diagonal holds h_kk on the same scale."""
    cross_db = gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB)
    return (cross_db - scaling.cross_mean_db) / scaling.cross_std_db


def edge_features(gain_db: Tensor, scaling: GainScaling) -> Tensor:
    """Standardised e_kj = [h_kj, h_jk], [2, B, K, K]: features first, so that a layer over them is one product."""
    cross = cross_gains(gain_db, scaling)
    return torch.stack([cross, cross.mT])


def node_features(
    gain_db: Tensor,
    scaling: GainScaling,
    kind: NodeFeatures,
    edge_mask: Tensor | None,
    link_mask: Tensor | None,
) -> Tensor:
    """Features of every link, [B, K, F].

    "direct" is the paper's: h_kk alone, which makes links with like direct gains start out alike. "statistics"
    adds mean, standard deviation and maximum of the interference that the link receives (row) and causes
    (column). "landmarks" adds the gains to and from the LANDMARKS links with the strongest direct gains: every
    link sees itself relative to the same few others, whatever the order of links. Both count visible pairs only,
    so nothing leaks from behind a mask.
    """
    direct = direct_gains(gain_db, scaling)  # [B, K]
    if kind == "direct":
        return direct.unsqueeze(-1)
    visible = _visible_pairs(direct, edge_mask, link_mask)  # [B, K, K]
    # Zero is the mean of all gains; replacing, not multiplying, lets hidden entries hold anything, even NaN.
    cross = torch.where(visible, cross_gains(gain_db, scaling), 0.0)
    received, caused = _statistics(cross, visible), _statistics(cross.mT, visible.mT)
    parts = [direct.unsqueeze(-1), received, caused]
    if kind == "landmarks":
        # Stored gains are coarse, so equal direct gains are common. Unless something else than the order of links
        # breaks the tie, the network is not equivariant.
        rank = direct + _TIE_BREAK * (received[..., 0] + caused[..., 0])
        rank = rank if link_mask is None else rank.masked_fill(~link_mask, _LOWEST)
        parts.append(_landmarks(cross, rank))
    return torch.cat(parts, dim=-1)


_LOWEST = -1e4  # below every standardised gain
_TIE_BREAK = 0.01


def _visible_pairs(direct: Tensor, edge_mask: Tensor | None, link_mask: Tensor | None) -> Tensor:
    """Where a cross gain may be read, [B, K, K] bool."""
    batch, links = direct.shape
    hidden = torch.eye(links, dtype=torch.bool, device=direct.device).expand(batch, links, links)
    if edge_mask is not None:
        hidden = hidden | edge_mask
    if link_mask is not None:
        hidden = hidden | ~link_mask.unsqueeze(-1) | ~link_mask.unsqueeze(-2)
    return ~hidden


def _statistics(cross: Tensor, visible: Tensor) -> Tensor:
    """Mean, standard deviation and maximum over visible columns, [B, K, 3]; zeros where nothing is visible."""
    count = visible.sum(-1).clamp_min(1)
    mean = cross.sum(-1) / count
    deviation = torch.where(visible, cross - mean.unsqueeze(-1), 0.0)
    highest = torch.where(visible, cross, _LOWEST).amax(-1)
    highest = torch.where(visible.any(-1), highest, 0.0)
    return torch.stack([mean, _root(deviation.square().sum(-1) / count), highest], dim=-1)


def _root(variance: Tensor) -> Tensor:
    """Square root with gradient 0, not NaN, at 0: two links, or equal gains."""
    if not variance.requires_grad:  # in training, use and export nobody asks for it
        return variance.sqrt()
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1.0).sqrt(), 0.0)


def _landmarks(cross: Tensor, rank: Tensor) -> Tensor:
    """Gains from and to the landmarks, [B, K, 2 LANDMARKS]; hidden ones and a landmark's own are zero."""
    batch, links, _ = cross.shape
    # Padding supplies landmarks where there are fewer links than that; their gains are zero.
    missing = cross.new_zeros(batch, links, LANDMARKS)
    padded_rank = torch.cat([rank, rank.new_full((batch, LANDMARKS), _LOWEST)], dim=-1)
    chosen = padded_rank.topk(LANDMARKS, dim=-1).indices.unsqueeze(1).expand(-1, links, -1)
    received = torch.cat([cross, missing], dim=-1).gather(2, chosen)
    caused = torch.cat([cross.mT, missing], dim=-1).gather(2, chosen)
    return torch.cat([received, caused], dim=-1)
