"""Which goals a model for any world is trained on. Shapes: B networks, K links."""

import torch
from pydantic import Field
from torch import Tensor

from components.channel.masking import random_pair_mask
from components.channel.worlds.ranges import Range, uniform
from components.config import Strict
from components.model.conditioning import Goals
from gfm_ra.goals import QoS


class GoalMixture(Strict):
    """Goals, weights and hidden gains; `named_share` of the goals are the three named ones as they usually are."""

    qos_share: float = Field(default=0.4, ge=0, le=1)
    named_share: float = Field(default=0.5, ge=0, le=1)
    max_alpha: float = Field(default=5.0, ge=0)
    min_rate: Range = Range(low=0.01, high=6.0, logarithmic=True)  # bit/s/Hz
    penalty: Range = Range(low=0.5, high=200.0, logarithmic=True)
    weighted_share: float = Field(default=0.25, ge=0, le=1)
    weight_spread: Range = Range(low=0.1, high=2.5)  # standard deviation of the logarithm of a weight
    complete_share: float = Field(default=0.6, ge=0, le=1)  # networks of which nothing is hidden
    max_mask_ratio: float = Field(default=0.6, ge=0, lt=1)
    directed_share: float = Field(default=0.3, ge=0, le=1)  # of the batches hide directions, not pairs
    energy_share: float = Field(default=0.0, ge=0, le=1)  # of the batches count rates per power spent
    circuit_power: Range = Range(low=0.003, high=10.0, logarithmic=True)  # in full powers that are radiated

    def draw(self, batch: int, links: int, generator: torch.Generator) -> Goals:
        """Independent goals for B networks of K links, on the generator's device."""
        one = (batch,)
        named = uniform(one, generator) < self.named_share
        alpha = torch.where(named, (uniform(one, generator) < 0.5).float(), self._alpha(one, generator))
        least = torch.where(named, QoS.min_rate, self.min_rate.draw(one, generator))
        penalty = torch.where(named, QoS.penalty, self.penalty.draw(one, generator))
        qos = (uniform(one, generator) < self.qos_share).float()
        parameters = torch.stack([(1 - qos) * alpha, qos * least, qos * penalty], dim=1)
        spread = self.weight_spread.draw((batch, 1), generator)
        weights = (spread * torch.randn(batch, links, generator=generator, device=generator.device)).exp()
        weights = weights / weights.amax(-1, keepdim=True)
        weighted = uniform((batch, 1), generator) < self.weighted_share
        return Goals(parameters, torch.where(weighted, weights, 1.0))

    def draw_energy(
        self, goals: Goals, generator: torch.Generator
    ) -> tuple[Goals, Tensor | None, Tensor | None]:
        """Goals, circuit power [B, 1] and whether every link's rate counts per its own power, [B, 1] bool; None for a
        batch without energy efficiency. Rates are then summed: no fairness, no least rate."""
        if self.energy_share == 0 or float(uniform((), generator)) >= self.energy_share:
            return goals, None, None
        one = (len(goals.parameters), 1)
        circuit_power = self.circuit_power.draw(one, generator)
        each = uniform(one, generator) < 0.5
        return Goals(torch.zeros_like(goals.parameters), goals.weights), circuit_power, each

    def draw_hidden(self, batch: int, links: int, generator: torch.Generator) -> Tensor | None:
        """Which gains are unknown, [B, K, K] bool; None for a batch of which everything is known.

        Known and hidden networks come in batches of their own: what is known needs no estimates.
        """
        if links < 2 or float(uniform((), generator)) < self.complete_share:
            return None
        ratio = self.max_mask_ratio * uniform((batch,), generator)
        if float(uniform((), generator)) < self.directed_share:
            hidden = uniform((batch, links, links), generator) < ratio.reshape(-1, 1, 1)
            return hidden & ~torch.eye(links, dtype=torch.bool, device=generator.device)
        return random_pair_mask(batch, links, ratio, generator)

    def _alpha(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        # Half of them up to 2, where most goals are.
        where, which = uniform(shape, generator), uniform(shape, generator)
        return torch.where(which < 0.5, min(2.0, self.max_alpha), self.max_alpha) * where
