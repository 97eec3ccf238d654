"""How much of their width the embeddings of a graph's links use, layer by layer: a small share is over-smoothing."""

import torch
from torch import Tensor, nn

from components.model.heads import PowerModel
from components.model.pcgnn.network import PCGNN
from components.training.health import effective_rank, rank_by_layer


@torch.no_grad()
def rank_shares(model: nn.Module, gain_db: Tensor) -> tuple[float, ...]:
    """Effective rank over width of the links' embeddings, centred within their graph.

    Args:
        model: a power model with the paper's backbone, or PCGNN, whose embedding is what its update network's hidden
            layer makes of a link; a model of any other kind has no answer, an empty one.
        gain_db: [B, K, K].

    Returns:
        Before the first and after every layer of a backbone; after every round of PCGNN. Each in (0, 1].
    """
    training = model.training
    model.eval()
    try:
        if isinstance(model, PowerModel):
            width = model.backbone.config.width
            return tuple(round(rank / width, 4) for rank in rank_by_layer(model.backbone, gain_db))
        if isinstance(model, PCGNN):
            return tuple(round(effective_rank(z) / z.shape[-1], 4) for z in _rounds(model, gain_db))
    finally:
        model.train(training)
    return ()


def _rounds(model: PCGNN, gain_db: Tensor) -> list[Tensor]:
    """The links' embeddings after every round, centred within their graph, [B K, u] each."""
    found: list[Tensor] = []

    def keep(_: nn.Module, __: object, z: Tensor) -> None:
        found.append((z - z.mean(1, keepdim=True)).flatten(0, 1))

    hook = model.backbone.register_forward_hook(keep)
    try:
        model(gain_db)
    finally:
        hook.remove()
    return found
