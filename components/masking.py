"""Random masks over unordered pairs of links.

e_kj and e_jk hold the same two numbers, so a mask always hides both directions: otherwise the reverse
edge would give the answer away.
"""

import torch
from torch import Tensor


def random_pair_mask(
    batch: int,
    links: int,
    ratio: float | Tensor,
    generator: torch.Generator,
    device: torch.device | None = None,
) -> Tensor:
    """Draw a symmetric mask that hides a fixed share of the pairs of every graph.

    Args:
        batch: number of graphs B.
        links: number of links K.
        ratio: share of the K (K - 1) / 2 pairs to hide, a number or one per graph [B]; rounded to whole pairs.
        generator: the CPU stream to draw from, so that masks do not depend on the device.
        device: where the mask is wanted.

    Returns:
        [B, K, K] bool, True = hidden, diagonal False.
    """
    row, column = torch.triu_indices(links, links, offset=1)
    pairs = row.numel()
    order = torch.rand(batch, pairs, generator=generator).argsort(dim=1).argsort(dim=1)
    hidden_pairs = order < torch.round(torch.as_tensor(ratio) * pairs).reshape(-1, 1)
    mask = torch.zeros(batch, links, links, dtype=torch.bool)
    mask[:, row, column] = hidden_pairs
    mask = mask | mask.transpose(1, 2)
    return mask if device is None else mask.to(device)
