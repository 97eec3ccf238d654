"""Training of all weights, or of low-rank terms, under told numbers and for a goal of the family or an own utility.

Shapes: B networks, K links, D draws.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from components.channel.torch_rng import torch_stream
from components.model.conditioning import Goals
from components.model.unrolled.network import NOISE, UnrolledNetwork
from components.training.adaptation.utility import OwnUtility
from components.training.loop import Loss
from components.training.worlds.few_samples import FewSamples, FewSamplesConfig, PromptedNetwork
from components.training.worlds.loss import rates_of
from gfm_ra.goal_family import Numbers
from gfm_ra.goals import Objective, SumRate
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

_SCALED_BY = 32  # networks from which the unit of an own utility is taken


class ToldNetwork(PromptedNetwork):
    """An unrolled network that is told the same numbers whatever the goal."""

    def __init__(self, network: UnrolledNetwork, objective: Objective, told: Numbers) -> None:
        super().__init__(network, objective)
        self.told = told

    def prompt(self, batch: int, links: int) -> Goals:
        """The told numbers for B networks of K links."""
        return Goals(torch.tensor([self.told]).expand(batch, -1), torch.ones(batch, links))


class OwnUtilitySamples(FewSamples):
    """The same loop on minus an own utility, in units of what is at stake before training."""

    def __init__(
        self,
        config: FewSamplesConfig,
        network: UnrolledNetwork,
        told: Numbers,
        utility: OwnUtility,
        train: Sequence[np.ndarray],
        seed: int,
    ) -> None:
        super().__init__(config, ToldNetwork(network, SumRate(), told), train, seed)
        self.utility = utility
        self.unit = self._stake(torch.from_numpy(train[0][:_SCALED_BY]))

    def loss(self, gain_db: Tensor, part: int) -> Loss:
        """Minus the utility of the last powers and of a part of the tentative ones."""
        batch, links, _ = gain_db.shape
        generator = torch_stream(self.seed, "few-samples", "noise", self.steps_done, part)
        passes = self.model.passes(gain_db, torch.randn(batch, links, 1, NOISE, generator=generator))
        gain = db_to_linear(gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB))
        total = self._loss(passes.power, gain)
        if self.config.tentative_weight > 0:
            steps = torch.stack([self._loss(power, gain) for power in passes.tentative])
            total = total + self.config.tentative_weight * steps.mean()
        return Loss(total, total)

    def _loss(self, power: Tensor, gain: Tensor) -> Tensor:
        return -self.utility.function(rates_of(power, gain)).mean() / self.unit

    def _stake(self, gain_db: Tensor) -> float:
        """Mean over networks of the sum over links of slope times rate."""
        gain = db_to_linear(gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB))
        with torch.no_grad():
            rates = rates_of(self.model(gain_db).unsqueeze(-1), gain).squeeze(1)
        rates.requires_grad_()
        self.utility.function(rates).sum().backward()
        slope = rates.grad
        assert slope is not None, "a utility has slopes"
        return max(float((slope * rates.detach()).sum(-1).mean()), 1e-12)
