"""Signs of life of a pre-training run: collapse of the embeddings, and the plateau of the edge loss."""

import math

import torch
from pydantic import Field
from torch import Tensor

from components.config import Strict
from components.model.backbone import Backbone
from gfm_ra.errors import UserError


class HealthThresholds(Strict):
    """When a pre-training run counts as collapsed or as stuck on its plateau."""

    min_effective_rank: float = Field(default=5.0, gt=0)
    min_gain_over_mean_db: float = Field(default=0.5, ge=0)


def effective_rank(embeddings: Tensor) -> float:
    """Exponential of the entropy of the normalised singular values of the centred embeddings.

    Args:
        embeddings: [N, d].

    Returns:
        A number between 1 (all on one line) and min(N, d). Source: Roy and Vetterli, EUSIPCO 2007.
    """
    centred = embeddings.double() - embeddings.double().mean(dim=0)
    share = torch.linalg.svdvals(centred)
    share = share / share.sum().clamp_min(torch.finfo(torch.float64).tiny)
    entropy = -(share * share.clamp_min(torch.finfo(torch.float64).tiny).log()).sum()
    return float(entropy.exp())


@torch.no_grad()
def rank_by_layer(backbone: Backbone, gain_db: Tensor) -> list[float]:
    """Effective rank of the links' embeddings, centred within their graph, before the first and after every layer.

    gain_db: [B, K, K]. A rank that falls with depth says that links of a graph become alike (over-smoothing).
    """
    z, bias = backbone.start(gain_db, None, None)
    found = [_rank_within_graphs(z)]
    for layer in backbone.layers:
        z = layer(z, bias)
        found.append(_rank_within_graphs(z))
    return found


def _rank_within_graphs(z: Tensor) -> float:
    return effective_rank((z - z.mean(1, keepdim=True)).flatten(0, 1))


def mean_dimension_std(embeddings: Tensor) -> float:
    """Mean over dimensions of the standard deviation over rows; embeddings [N, d]. Zero means collapsed, or one row."""
    if len(embeddings) < 2:
        return 0.0
    return float(embeddings.double().std(dim=0).mean())


def status(
    edge_rmse_db: float, mean_predictor_rmse_db: float, rank: float, thresholds: HealthThresholds
) -> str:
    """One of "healthy", "plateau" or "collapsed"; "plateau" means that the edge loss has learnt nothing yet.

    Raises:
        UserError: a number is not finite, as after a run that diverged; no status describes that.
    """
    measured = {
        "edge_rmse_db": edge_rmse_db, "mean_predictor_rmse_db": mean_predictor_rmse_db, "effective_rank": rank,
    }  # fmt: skip
    for name, value in measured.items():
        if not math.isfinite(value):
            raise UserError(f"health: {name} is {value}: lower the learning rate and train again")
    if rank < thresholds.min_effective_rank:
        return "collapsed"
    if mean_predictor_rmse_db - edge_rmse_db < thresholds.min_gain_over_mean_db:
        return "plateau"
    return "healthy"


RAYLEIGH_STD_DB = 5.57  # standard deviation of 10 log10 of a unit exponential: (10 / ln 10) pi / sqrt 6


def noise_floor_db(shadowing_db: float) -> float:
    """What is left of a cross gain in dB for someone who knows every position: shadowing and fading."""
    return (shadowing_db**2 + RAYLEIGH_STD_DB**2) ** 0.5
