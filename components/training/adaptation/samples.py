"""Training of all weights of an unrolled network, or of low-rank terms, on few networks without labels.

Shapes: B networks, K links, D draws.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from components.channel.rng import stream
from components.channel.torch_rng import torch_stream
from components.config import Strict
from components.data.batches import Group
from components.model.conditioning import Goals, goals_of
from components.model.lora import Adapted, LoRAConfig, merge_adapters
from components.model.unrolled.network import NOISE, UnrolledNetwork
from components.model.unrolled.single_draw import SingleDraw
from components.training.adaptation.utility import OwnUtility
from components.training.loop import Epoch, LoopConfig, Loss, Metrics, Report, Tick, TrainingLoop
from components.training.schedule import Schedule, ScheduleConfig
from components.training.worlds.loss import rates_of, utility_losses
from gfm_ra.goal_family import Numbers
from gfm_ra.goals import Objective
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

Trained = Literal["lora", "full"]
_RATES: dict[Trained, float] = {"lora": 1e-3, "full": 3e-4}
_STEPS = 150  # at least; more where there are more samples than that takes in
_SCALED_BY = 32  # networks from which the unit of an own utility is taken


class FewSamplesConfig(Strict):
    """How fast and for how long weights are trained; None: what suits what is trained, and the number of samples."""

    lora: LoRAConfig = LoRAConfig()
    learning_rate: float | None = Field(default=None, gt=0)
    epochs: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=16, ge=1)
    tentative_weight: float = Field(default=0.5, ge=0)
    max_gradient_norm: float | None = Field(default=1.0, gt=0)

    def epochs_of(self, train: Sequence[np.ndarray]) -> int:
        """Passes over the samples."""
        if self.epochs is not None:
            return self.epochs
        batches = sum(-(-len(array) // self.batch_size) for array in train)
        return max(2, -(-_STEPS // batches))


class ToldNetwork(nn.Module):
    """An unrolled network that is told the same numbers for every network."""

    def __init__(self, network: UnrolledNetwork, told: Numbers) -> None:
        super().__init__()
        self.network, self.told = network, told

    def prompt(self, batch: int, links: int) -> Goals:
        """The told numbers for B networks of K links."""
        return Goals(torch.tensor([self.told]).expand(batch, -1), torch.ones(batch, links))

    def forward(
        self, gain_db: Tensor, edge_mask: Tensor | None = None, link_mask: Tensor | None = None
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1], by the noise of `SingleDraw`."""
        return SingleDraw(self.network)(gain_db, self.prompt(*gain_db.shape[:2]), edge_mask, link_mask)


class FewSamples(TrainingLoop):
    """One adaptation of the weights, in one process; the network is changed in place."""

    def __init__(
        self,
        config: FewSamplesConfig,
        model: ToldNetwork,
        goal: Objective | OwnUtility,
        way: Trained,
        train: Sequence[np.ndarray],
        seed: int,
    ) -> None:
        self.config, self.model, self.goal = config, model, goal
        self.learning_rate = _RATES[way] if config.learning_rate is None else config.learning_rate
        epochs = config.epochs_of(train)
        settings = LoopConfig(
            "few-samples", epochs, config.batch_size, max_gradient_norm=config.max_gradient_norm
        )
        super().__init__(settings, model, [_learning(model.network, way, config, seed)], train, seed, Group())
        self.schedule = Schedule(ScheduleConfig(kind="cosine"), epochs * self.steps_per_epoch)
        if isinstance(goal, OwnUtility):
            self.unit = self._stake(goal, torch.from_numpy(train[0][:_SCALED_BY]))

    def run(self, report: Report, tick: Tick, resume_from: Path | None = None) -> list[Metrics]:
        """Train to the last epoch; afterwards low-rank terms are folded into the weights."""
        history = super().run(report, tick, resume_from)
        merge_adapters(self.model.network)
        return history

    def loss(self, gain_db: Tensor, part: int) -> Loss:
        """Minus the utility of the last powers and of a part of the tentative ones, whatever the network is told."""
        batch, links, _ = gain_db.shape
        generator = torch_stream(self.seed, "few-samples", "noise", self.steps_done, part)
        noise = torch.randn(batch, links, 1, NOISE, generator=generator)
        passes = self.model.network(gain_db, self.model.prompt(batch, links), noise)
        gain, tentative_weight = _linear(gain_db), self.config.tentative_weight
        if not isinstance(self.goal, OwnUtility):
            goals = goals_of(self.goal, batch, links)
            total = utility_losses(passes, gain, goals, tentative_weight, best_share=1.0).mean()
            return Loss(total, total)
        total = self._own_loss(self.goal, passes.power, gain)
        if tentative_weight > 0:
            steps = [self._own_loss(self.goal, power, gain) for power in passes.tentative]
            total = total + tentative_weight * torch.stack(steps).mean()
        return Loss(total, total)

    def learning_rates(self) -> Sequence[float]:
        """One for all that learns."""
        return [self.learning_rate * self.schedule.multiplier(self.steps_done)]

    def measure(self, epoch: Epoch) -> Metrics:
        """The training loss."""
        return {"epoch": float(self.epochs_done - 1), "train_loss": epoch.reported}

    def modules(self) -> dict[str, nn.Module]:
        """The network."""
        return {"model": self.model}

    def _own_loss(self, utility: OwnUtility, power: Tensor, gain: Tensor) -> Tensor:
        return -utility.function(rates_of(power, gain)).mean() / self.unit

    def _stake(self, utility: OwnUtility, gain_db: Tensor) -> float:
        """Mean over networks of the sum over links of slope times rate: the unit of an own utility."""
        with torch.no_grad():
            rates = rates_of(self.model(gain_db).unsqueeze(-1), _linear(gain_db)).squeeze(1)
        rates.requires_grad_()
        utility.function(rates).sum().backward()
        slope = rates.grad
        assert slope is not None, "a utility has slopes"
        return max(float((slope * rates.detach()).sum(-1).mean()), 1e-12)


def _linear(gain_db: Tensor) -> Tensor:
    return db_to_linear(gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB))


def _learning(
    network: UnrolledNetwork, way: Trained, config: FewSamplesConfig, seed: int
) -> list[nn.Parameter]:
    """What learns; everything else is frozen."""
    network.requires_grad_(False)
    if way == "lora":
        found = _adapters(network, config.lora, seed)
    else:
        # Estimators of hidden gains have no gradient where everything is known.
        parts = (network.start, network.steps, network.power)
        found = [parameter for part in parts for parameter in part.parameters()]
    for parameter in found:
        parameter.requires_grad_(True)
    return found


def _adapters(network: UnrolledNetwork, config: LoRAConfig, seed: int) -> list[nn.Parameter]:
    """Low-rank terms beside the layers of every step.

    Raises:
        ValueError: the rank exceeds a layer's size.
    """
    smallest = min(network.config.width, network.config.hidden)
    if config.rank > smallest:
        raise ValueError(f"lora: rank {config.rank} exceeds the network's {smallest}: choose a smaller one")
    found: list[nn.Parameter] = []
    for number, step in enumerate(network.steps):
        for name in ("into", "out"):
            base = getattr(step, name)
            bound = base.in_features**-0.5
            key = ("few-samples", "adapters", number, name)
            start = stream(seed, *key).uniform(-bound, bound, (config.rank, base.in_features))
            adapted = Adapted(base, config, torch.from_numpy(start))
            setattr(step, name, adapted)
            found += [adapted.down, adapted.up]
    return found
