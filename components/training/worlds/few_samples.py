"""Adapting an unrolled network to one goal from few unlabelled networks: its prompt, low-rank terms, or all weights.

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
from components.model.conditioning import PARAMETERS, Goals, goals_of
from components.model.lora import Adapted, LoRAConfig, merge_adapters
from components.model.unrolled.network import NOISE, Passes, UnrolledNetwork
from components.model.unrolled.single_draw import SingleDraw
from components.training.loop import Epoch, LoopConfig, Loss, Metrics, Report, Tick, TrainingLoop
from components.training.schedule import Schedule, ScheduleConfig
from components.training.worlds.loss import utility_losses
from gfm_ra.goals import Objective
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

_UNITS = (1.0, 1.0, 10.0)  # in which the prompt's numbers move: of alpha, of the least rate, of the penalty


class FewSamplesConfig(Strict):
    """What learns, how fast and for how long."""

    adapt: Literal["prompt", "lora", "full"]
    lora: LoRAConfig = LoRAConfig()
    learning_rate: float = Field(default=1e-3, gt=0)
    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=16, ge=1)
    tentative_weight: float = Field(default=0.5, ge=0)
    max_gradient_norm: float | None = Field(default=1.0, gt=0)


class PromptedNetwork(nn.Module):
    """An unrolled network that is told a goal's numbers with learnt offsets."""

    def __init__(self, network: UnrolledNetwork, objective: Objective) -> None:
        super().__init__()
        self.network, self.objective = network, objective
        self.offset = nn.Parameter(torch.zeros(PARAMETERS))

    def prompt(self, batch: int, links: int) -> Goals:
        """What the network is told, for B networks of K links."""
        goals = goals_of(self.objective, batch, links).to(self.offset.device)
        moved = goals.parameters + self.offset * torch.tensor(_UNITS, device=self.offset.device)
        return Goals(moved.clamp_min(0.0), goals.weights)

    def passes(self, gain_db: Tensor, noise: Tensor) -> Passes:
        """Powers of gain_db [B, K, K] for noise [B, K, D, 2]."""
        return self.network(gain_db, self.prompt(*gain_db.shape[:2]), noise)

    def forward(
        self, gain_db: Tensor, edge_mask: Tensor | None = None, link_mask: Tensor | None = None
    ) -> Tensor:
        """Map gain_db [B, K, K] to power [B, K] in [0, 1], by the noise of `SingleDraw`."""
        return SingleDraw(self.network)(gain_db, self.prompt(*gain_db.shape[:2]), edge_mask, link_mask)


class FewSamples(TrainingLoop):
    """One adaptation, in one process; the model is changed in place."""

    def __init__(
        self, config: FewSamplesConfig, model: PromptedNetwork, train: Sequence[np.ndarray], seed: int
    ) -> None:
        self.config, self.model = config, model
        settings = LoopConfig(
            "few-samples", config.epochs, config.batch_size, max_gradient_norm=config.max_gradient_norm
        )
        super().__init__(settings, model, [_learning(model, config, seed)], train, seed, Group())
        self.schedule = Schedule(ScheduleConfig(kind="cosine"), config.epochs * self.steps_per_epoch)

    def run(self, report: Report, tick: Tick, resume_from: Path | None = None) -> list[Metrics]:
        """Train to the last epoch; afterwards low-rank terms are folded into the weights."""
        history = super().run(report, tick, resume_from)
        merge_adapters(self.model.network)
        return history

    def loss(self, gain_db: Tensor, part: int) -> Loss:
        """Minus the true goal's utility, whatever the network is told."""
        batch, links, _ = gain_db.shape
        generator = torch_stream(self.seed, "few-samples", "noise", self.steps_done, part)
        noise = torch.randn(batch, links, 1, NOISE, generator=generator)
        passes = self.model.passes(gain_db, noise)
        gain = db_to_linear(gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB))
        goals = goals_of(self.model.objective, batch, links)
        total = utility_losses(passes, gain, goals, self.config.tentative_weight, best_share=1.0).mean()
        return Loss(total, total)

    def learning_rates(self) -> Sequence[float]:
        """One for all that learns."""
        return [self.config.learning_rate * self.schedule.multiplier(self.steps_done)]

    def measure(self, epoch: Epoch) -> Metrics:
        """The training loss."""
        return {"epoch": float(self.epochs_done - 1), "train_loss": epoch.reported}

    def modules(self) -> dict[str, nn.Module]:
        """Network and offsets."""
        return {"model": self.model}


def _learning(model: PromptedNetwork, config: FewSamplesConfig, seed: int) -> list[nn.Parameter]:
    """What learns; everything else is frozen."""
    model.requires_grad_(False)
    if config.adapt == "prompt":
        found = [model.offset]
    elif config.adapt == "lora":
        found = _adapters(model.network, config.lora, seed)
    else:
        # Estimators of hidden gains have no gradient where everything is known.
        parts = (model.network.start, model.network.steps, model.network.power)
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
