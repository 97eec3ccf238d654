"""From distances to gains: path loss, shadowing, blockage and fading with parameters of each network's own.

Shapes: B networks, K links; gain_db[b, k, j] from transmitter j to receiver k, relative to an unknown transmit power.
"""

import torch
from torch import Tensor

from components.channel.worlds.layouts import Layout
from components.channel.worlds.ranges import Range, uniform
from components.config import Strict
from gfm_ra.units import db_to_linear, linear_to_db

_LEAST_FADING = 2.0**-30
_NEAREST_M = 1.0


class Propagation(Strict):
    """What lies between a transmitter and a receiver."""

    near_exponent: Range = Range(low=1.8, high=3.0)
    far_exponent: Range = Range(low=2.0, high=4.5)  # at least the near one
    breakpoint_m: Range = Range(low=20.0, high=500.0, logarithmic=True)
    shadowing_db: Range = Range(low=0.0, high=12.0)  # standard deviation
    blocked_share: float = 0.3  # of the networks
    blockage_m: Range = Range(low=20.0, high=300.0, logarithmic=True)  # mean length of a free path
    blockage_db: Range = Range(low=8.0, high=30.0)
    # Of the networks: Rayleigh, Rice (K factor below), none.
    fading_shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    rice_db: Range = Range(low=0.0, high=15.0)

    def gain_db(self, layout: Layout, generator: torch.Generator) -> Tensor:
        """Gains of a layout, [B, K, K]; links that share a site share its channels."""
        distance = layout.distances().clamp_min(_NEAREST_M)
        one = (len(distance), 1, 1)
        near, breakpoint_m = self.near_exponent.draw(one, generator), self.breakpoint_m.draw(one, generator)
        far = torch.maximum(near, self.far_exponent.draw(one, generator))
        beyond = (distance / breakpoint_m).clamp_min(1.0)
        gain_db = -10.0 * (near * distance.log10() + (far - near) * beyond.log10())
        gain_db = gain_db + self.shadowing_db.draw(one, generator) * _normal(distance.shape, generator)
        gain_db = (
            gain_db - self._blockage_db(distance, generator) + self._fading_db(distance.shape, generator)
        )
        return _shared(gain_db, layout)

    def _blockage_db(self, distance: Tensor, generator: torch.Generator) -> Tensor:
        one = (len(distance), 1, 1)
        blocked = (
            uniform(tuple(distance.shape), generator)
            > (-distance / self.blockage_m.draw(one, generator)).exp()
        )
        matters = uniform(one, generator) < self.blocked_share
        return torch.where(blocked & matters, self.blockage_db.draw(one, generator), 0.0)

    def _fading_db(self, shape: torch.Size, generator: torch.Generator) -> Tensor:
        """Power of a Rayleigh or Rice channel of mean 1, or 0 dB, by network."""
        one = (shape[0], 1, 1)
        rayleigh, rice, _ = self.fading_shares
        kind = uniform(one, generator)
        factor = torch.where(kind < rayleigh, 0.0, db_to_linear(self.rice_db.draw(one, generator)))
        scattered = (0.5 / (1.0 + factor)).sqrt()
        real = (factor / (1.0 + factor)).sqrt() + scattered * _normal(shape, generator)
        power = real.square() + (scattered * _normal(shape, generator)).square()
        return torch.where(kind < rayleigh + rice, linear_to_db(power.clamp_min(_LEAST_FADING)), 0.0)


def _shared(gain_db: Tensor, layout: Layout) -> Tensor:
    """The gains that links with a common transmitter or receiver really have: those of the first of them."""
    columns = layout.sender.unsqueeze(1).expand_as(gain_db)
    rows = layout.listener.unsqueeze(2).expand_as(gain_db)
    return gain_db.gather(2, columns).gather(1, rows)


def _normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)
