"""The unrolled network as a model for any goal: one pass, of the noise that `gfm_ra` gives the first draw of seed 0.

Shapes: B networks, K links. Row = receiver, column = transmitter.
"""

import torch
from torch import Tensor, nn

from components.model.conditioning import Goals, goals_of
from components.model.unrolled.network import UnrolledNetwork
from gfm_ra.goals import Objective
from gfm_ra.inference.noise import noise

SEED = 0
"""Of the noise, as `gfm_ra.load().allocate` has it by default."""


class SingleDraw(nn.Module):
    """Gains and a goal to powers, the same for the same input."""

    def __init__(self, network: UnrolledNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        gain_db: Tensor,
        goals: Goals,
        edge_mask: Tensor | None = None,
        link_mask: Tensor | None = None,
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1]; masks as in `UnrolledNetwork.forward`."""
        return self.network(gain_db, goals, first_draw(gain_db), edge_mask, link_mask).power.squeeze(-1)


def first_draw(gain_db: Tensor) -> Tensor:
    """Noise of the first draw for gains [B, K, K], [B, K, 1, 2]."""
    batch, links, _ = gain_db.shape
    drawn = torch.from_numpy(noise(SEED, 1, links).copy()).to(gain_db.device)  # [1, K, 2]
    return drawn.transpose(0, 1).expand(batch, -1, -1, -1)


class SingleDrawOfGoal(nn.Module):
    """The same under one goal, as a model of that objective alone."""

    def __init__(self, model: SingleDraw, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = model, objective

    def forward(
        self, gain_db: Tensor, edge_mask: Tensor | None = None, link_mask: Tensor | None = None
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1]."""
        goals = goals_of(self.objective, gain_db.shape[0], gain_db.shape[-1]).to(gain_db.device)
        return self.model(gain_db, goals, edge_mask, link_mask)
