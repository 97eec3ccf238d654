"""Hidden gains, estimated from the states of their two links and from the other direction, where that is known.

Shapes: B networks, K links, S width of a state. Row = receiver, column = transmitter.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from components.model.rates import exactly

_SPREAD_DB = 15.0  # unit of an estimate
_LIMIT = 4.0  # estimates beyond are cut
_WITHOUT_ANY_DB = 0.0  # mean of the visible gains where none is visible


class View(NamedTuple):
    """What of a network is visible."""

    hidden: Tensor | None  # [B, K, K] bool; None where all is known
    mean_db: Tensor  # [B, 1, 1]: of the visible gains between links
    reverse: Tensor | None  # [B, K, K]: standardised gain of the other direction, 0 where that is hidden too

    def filled(self, gain_db: Tensor, estimate: Tensor | None) -> Tensor:
        """Gains [B, K, K] with estimates in place of hidden ones; the mean of the visible ones without estimates."""
        if self.hidden is None:
            return gain_db
        if estimate is None:
            return torch.where(self.hidden, self.mean_db, gain_db)
        guess_db = self.mean_db + _SPREAD_DB * estimate.clamp(-_LIMIT, _LIMIT)
        return torch.where(self.hidden, guess_db, gain_db)

    def target(self, gain_db: Tensor) -> Tensor:
        """What an estimate should be, [B, K, K]."""
        return ((gain_db - self.mean_db) / _SPREAD_DB).clamp(-_LIMIT, _LIMIT)


class HiddenGains(nn.Module):
    """Estimate of every cross gain from the states of its two links: bilinear, so one product per network."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.receiver, self.transmitter = nn.Linear(width, rank + 1), nn.Linear(width, rank + 1)
        self.reverse = nn.Parameter(torch.full((), 0.5))

    def forward(self, state: Tensor, view: View) -> Tensor:
        """Standardised gains [B, K, K] from states [B, K, S]."""
        receiver, transmitter = self.receiver(state).float(), self.transmitter(state).float()
        rank = receiver.shape[-1] - 1
        with exactly(state.device):
            product = torch.matmul(receiver[..., 1:], transmitter[..., 1:].mT) / rank**0.5
        estimate = product + receiver[..., :1] + transmitter[..., :1].mT
        return estimate if view.reverse is None else estimate + self.reverse * view.reverse

    @staticmethod
    def view(gain_db: Tensor, hidden: Tensor | None, link_mask: Tensor | None) -> View:
        """What of gain_db [B, K, K] is visible; hidden [B, K, K] bool, link_mask [B, K] bool."""
        links = gain_db.shape[-1]
        if hidden is None:
            return View(None, torch.zeros((), device=gain_db.device), None)
        crossing = ~torch.eye(links, dtype=torch.bool, device=gain_db.device)
        visible = ~hidden & crossing
        if link_mask is not None:
            visible = visible & link_mask.unsqueeze(-1) & link_mask.unsqueeze(-2)
        shown = torch.where(visible, gain_db, 0.0)
        count = visible.sum((-2, -1), keepdim=True)
        mean_db = torch.where(
            count > 0, shown.sum((-2, -1), keepdim=True) / count.clamp_min(1), _WITHOUT_ANY_DB
        )
        standard = ((shown - mean_db) / _SPREAD_DB).clamp(-_LIMIT, _LIMIT)
        return View(hidden, mean_db, torch.where(visible, standard, 0.0).mT)
