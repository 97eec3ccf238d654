"""Which channel state a model for any world is trained on: exact gains, or what receivers report of them.

Shapes: B networks, K links. Row = receiver, column = transmitter.
"""

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from components.channel.worlds.ranges import Range, uniform
from components.config import Strict


class Reports(NamedTuple):
    """What is known of gains [B, K, K] in dB; None where there is nothing to say."""

    gain_db: Tensor
    hidden: Tensor | None  # bool
    uncertainty_db: Tensor | None = None  # standard deviation of the reported gains
    at_most_db: Tensor | None = None  # upper limits of hidden gains, inf where there is none


class ReportMixture(Strict):
    """Reports with errors, in steps, of the strongest transmitters only.

    `share` of the batches are reported; the others stay as they are. A reported network has one error for all its gains
    and, in `stale_share` of them, a larger one for some: reports that are old.
    """

    share: float = Field(default=0.0, ge=0, le=1)
    error_db: Range = Range(low=0.0, high=6.0)
    stale_share: float = Field(default=0.3, ge=0, le=1)
    stale_error_db: Range = Range(low=2.0, high=12.0)
    own_factor: Range = Range(low=0.0, high=1.0)  # a link's own gain is known better
    step_db: Range = Range(low=0.0, high=3.0)
    strongest_share: float = Field(default=0.7, ge=0, le=1)  # of the networks report the strongest alone
    strongest: Range = Range(low=2, high=40, logarithmic=True)  # transmitters per receiver

    def draw(self, gain_db: Tensor, hidden: Tensor | None, generator: torch.Generator) -> Reports:
        """What is known of gains [B, K, K], of which `hidden` is unknown whatever is reported."""
        if self.share == 0 or float(uniform((), generator)) >= self.share:
            return Reports(gain_db, hidden)
        batch, links, _ = gain_db.shape
        deviation_db = self._deviations(batch, links, generator)
        step_db = self.step_db.draw((batch, 1, 1), generator)
        noise = torch.randn(gain_db.shape, generator=generator, device=gain_db.device)
        told_db = gain_db + deviation_db * noise
        told_db = torch.where(step_db > 0.1, (told_db / step_db).round() * step_db, told_db)
        steps = torch.where(step_db > 0.1, step_db.square() / 12.0, 0.0)
        uncertainty_db = (deviation_db.square() + steps).sqrt()
        unreported, weakest_db = self._weakest(told_db, hidden, generator)
        # Reports are the middle of their step: what is weaker may reach its upper edge.
        at_most_db = torch.where(
            unreported, weakest_db + torch.where(step_db > 0.1, step_db / 2.0, 0.0), torch.inf
        )
        # Nothing is said of what is hidden for another reason.
        unknown = unreported if hidden is None else unreported | hidden
        return Reports(told_db, unknown, torch.where(unknown, 0.0, uncertainty_db), at_most_db)

    def _deviations(self, batch: int, links: int, generator: torch.Generator) -> Tensor:
        """Standard deviation of the error of every report, [B, K, K] in dB."""
        one = (batch, 1, 1)
        error_db = self.error_db.draw(one, generator)
        stale_db = self.stale_error_db.draw(one, generator)
        stale = uniform(one, generator) < self.stale_share
        old = uniform((batch, links, links), generator) < uniform(one, generator)
        found = torch.where(stale & old, stale_db, error_db)
        own = self.own_factor.draw(one, generator)
        same = torch.eye(links, dtype=torch.bool, device=found.device)
        return torch.where(same, own * found, found)

    def _weakest(
        self, told_db: Tensor, hidden: Tensor | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Gains that receivers do not report although they measure them, [B, K, K] bool, and the weakest one that they
        do report."""
        batch, links, _ = told_db.shape
        count = self.strongest.draw((batch,), generator).round().long().clamp(1, links)
        every = uniform((batch,), generator) >= self.strongest_share
        count = torch.where(every, links, count)
        same = torch.eye(links, dtype=torch.bool, device=told_db.device)
        unmeasured = same if hidden is None else same | hidden
        others_db = told_db.masked_fill(unmeasured, -torch.inf)
        sorted_db = others_db.sort(-1, descending=True).values
        at = (count.clamp_max(max(links - 1, 1)) - 1).reshape(-1, 1, 1).expand(-1, links, 1)
        weakest_db = sorted_db.gather(-1, at)
        return (others_db < weakest_db) & ~unmeasured, weakest_db.expand_as(told_db)
