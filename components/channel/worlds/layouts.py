"""Where transmitters and receivers stand: positions of B networks at once, each with parameters of its own.

Shapes: B networks, K links; row = receiver, column = transmitter. Lengths in metres.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from components.channel.worlds.ranges import uniform


class Layout(NamedTuple):
    """Positions, and which links share a site.

    `sender[b, j]` is the first link whose transmitter is that of link j, `listener[b, k]` the first whose receiver is
    that of link k; their own number where nothing is shared.
    """

    transmitters: Tensor  # [B, K, 2]
    receivers: Tensor  # [B, K, 2]
    sender: Tensor  # [B, K] int64
    listener: Tensor  # [B, K] int64

    def distances(self) -> Tensor:
        """From transmitter j to receiver k, [B, K, K]."""
        return torch.cdist(self.receivers, self.transmitters, compute_mode="donot_use_mm_for_euclid_dist")

    def reversed(self) -> "Layout":
        """The same network with every link turned round: uplink for downlink."""
        return Layout(self.receivers, self.transmitters, self.listener, self.sender)


def pairs(side: Tensor, distance: Tensor, generator: torch.Generator) -> Layout:
    """Transmitters uniform in a square of `side` [B, 1], receivers at `distance` [B, K] in any direction."""
    transmitters = side.unsqueeze(-1) * uniform((*distance.shape, 2), generator)
    return _around(transmitters, distance, generator)


def clusters(
    side: Tensor, distance: Tensor, centres: Tensor, spread: Tensor, generator: torch.Generator
) -> Layout:
    """Transmitters normally scattered by `spread` [B, 1] round `centres` [B, 1] uniform points (a Thomas process)."""
    batch, links = distance.shape
    points = side.unsqueeze(-1) * uniform((batch, links, 2), generator)
    which = (uniform((batch, links), generator) * centres).long().clamp_max(links - 1)
    scatter = torch.randn(batch, links, 2, generator=generator, device=generator.device)
    transmitters = _rows(points, which) + spread.unsqueeze(-1) * scatter
    return _around(transmitters, distance, generator)


def downlink(
    side: Tensor, links: int, sites: Tensor, nearest_m: Tensor, generator: torch.Generator
) -> Layout:
    """K = `links` users uniform in the square, each served by the nearest of `sites` [B, 1] uniform base stations.

    Users closer than `nearest_m` [B, 1] to their station are moved away to that distance.
    """
    batch = len(side)
    users = side.unsqueeze(-1) * uniform((batch, links, 2), generator)
    stations = side.unsqueeze(-1) * uniform((batch, links, 2), generator)
    exists = torch.arange(links, device=side.device) < sites  # [B, K]
    to_all = torch.cdist(users, stations, compute_mode="donot_use_mm_for_euclid_dist")
    serving = torch.where(exists.unsqueeze(1), to_all, torch.inf).argmin(-1)  # [B, K]
    place = _rows(stations, serving)
    offset = users - place
    length = offset.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    users = place + offset * (nearest_m.unsqueeze(-1) / length).clamp_min(1.0)
    same = serving.unsqueeze(-1) == serving.unsqueeze(-2)  # [B, K, K]
    sender = same.to(torch.uint8).argmax(-1)  # the first link with the same station
    own = torch.arange(links, device=side.device).expand(batch, links)
    return Layout(place, users, sender, own)


def _around(transmitters: Tensor, distance: Tensor, generator: torch.Generator) -> Layout:
    batch, links = distance.shape
    angle = 2.0 * torch.pi * uniform((batch, links), generator)
    towards = torch.stack([angle.cos(), angle.sin()], dim=-1)
    own = torch.arange(links, device=distance.device).expand(batch, links)
    return Layout(transmitters, transmitters + distance.unsqueeze(-1) * towards, own, own)


def _rows(points: Tensor, which: Tensor) -> Tensor:
    """points [B, K, 2] in the order of which [B, K]."""
    return points.gather(1, which.unsqueeze(-1).expand(-1, -1, 2))
