"""Random masks over unordered pairs of links, or over directed edges.

e_kj and e_jk hold the same two numbers. A mask of pairs hides both: otherwise the reverse edge gives the answer away.
A mask of edges, the paper's own words, does not: at 50 % only a quarter of the pairs is hidden from both links.
"""

from typing import Literal

import torch
from torch import Tensor

Masked = Literal["pairs", "edges"]
"""What is hidden one by one."""


def random_mask(
    masked: Masked,
    batch: int,
    links: int,
    ratio: float,
    generator: torch.Generator,
    device: torch.device | None = None,
) -> Tensor:
    """Draw a mask of a fixed share of the pairs or of the directed edges: `random_pair_mask`, `random_edge_mask`."""
    draw = random_pair_mask if masked == "pairs" else random_edge_mask
    return draw(batch, links, ratio, generator, device)


def random_edge_mask(
    batch: int, links: int, ratio: float, generator: torch.Generator, device: torch.device | None = None
) -> Tensor:
    """Draw a mask that hides a fixed share of the K (K - 1) directed edges e_kj of every graph from link k.

    Arguments and result as of `random_pair_mask`, but [k, j] and [j, k] are drawn one by one. Where only [k, j] is
    hidden, link k does not see h_kj and h_jk, link j does.
    """
    place = generator.device
    row, column = (~torch.eye(links, dtype=torch.bool, device=place)).nonzero(as_tuple=True)
    order = torch.rand(batch, row.numel(), generator=generator, device=place).argsort(dim=1).argsort(dim=1)
    hidden = order < max(float(round(ratio * row.numel())), float(ratio > 0))
    mask = torch.zeros(batch, links, links, dtype=torch.bool, device=place)
    mask[:, row, column] = hidden
    return mask if device is None else mask.to(device)


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
        ratio: share of the K (K - 1) / 2 pairs to hide, a number or one per graph [B], rounded to whole pairs. A number
            above 0 hides at least one pair; of drawn ones, some may hide none. One link has no pairs to hide.
        generator: the stream to draw from, on whose device the mask is made.
        device: where the mask is wanted, if elsewhere.

    Returns:
        [B, K, K] bool, True = hidden, diagonal False.
    """
    place = generator.device
    row, column = torch.triu_indices(links, links, offset=1, device=place)
    pairs = row.numel()
    order = torch.rand(batch, pairs, generator=generator, device=place).argsort(dim=1).argsort(dim=1)
    # A number stays on the host: sending it would make a GPU's queue wait.
    if isinstance(ratio, Tensor):
        hidden_pairs = order < torch.round(ratio.to(place) * pairs).reshape(-1, 1)
    else:
        hidden_pairs = order < max(float(torch.round(torch.tensor(ratio) * pairs)), float(ratio > 0))
    mask = torch.zeros(batch, links, links, dtype=torch.bool, device=place)
    mask[:, row, column] = hidden_pairs
    mask = mask | mask.transpose(1, 2)
    return mask if device is None else mask.to(device)
