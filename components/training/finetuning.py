"""Adapting a backbone to one objective without labels: head warm-up, then everything, equations (14)-(15)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from components.config import Strict
from components.data.batches import Group, plan_epoch, take
from components.model.conditioning import goal_loss, goals_of
from components.model.heads import PowerModel
from components.model.inference import allocate_batches
from components.model.lora import LoRAConfig, add_adapters, merge_adapters
from components.model.pcgnn.network import PCGNN
from components.model.prompted import FixedGoal
from components.model.rates import spectral_efficiency
from components.training.checkpoint import TrainingState, load_training, save_training
from components.training.pretraining import Report, Tick
from components.training.validation import Metrics
from gfm_ra.goals import Objective
from gfm_ra.units import db_to_linear


class FinetuningConfig(Strict):
    """The two-stage recipe; rates and epochs default to Table I."""

    # What the second stage changes beside the head; "prompt" changes nothing but a goal-conditioned model's prompt.
    adapt: Literal["full", "frozen", "lora", "prompt"] = "full"
    # (15), or with every graph's gradient scaled to the same strength, for goals whose utilities span decades.
    loss: Literal["utility", "scaled"] = "utility"
    lora: LoRAConfig = LoRAConfig()
    warmup_epochs: int = Field(default=10, ge=0)
    epochs: int = Field(default=100, ge=0)
    backbone_learning_rate: float = Field(default=1e-4, gt=0)
    head_learning_rate: float = Field(default=1e-3, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"  # the paper names none; cosine falls to zero
    # Steps over which the backbone's rate rises at the start of the second stage. Adam's first steps have the size of
    # the rate whatever the gradient; they may drive a settled head to full power, where it has no slope left.
    rise_updates: int = Field(default=0, ge=0)  # Table I has none
    batch_size: int = Field(default=64, ge=1)
    validate_every: int = Field(default=10, ge=1)  # epochs

    @model_validator(mode="after")
    def _trains_at_all(self) -> "FinetuningConfig":
        if self.warmup_epochs + self.epochs < 1:
            raise ValueError("warmup_epochs and epochs are both 0: nothing would be trained")
        return self

    def within(self, updates: int | None, per_epoch: int) -> "FinetuningConfig":
        """The recipe, shortened where epochs of `per_epoch` steps would make it longer than so many `updates`."""
        if updates is None:
            return self
        warmup = min(self.warmup_epochs, max(1, updates // (4 * per_epoch)))
        epochs = min(self.epochs, max(1, updates // per_epoch - warmup))
        return self.model_copy(update={"warmup_epochs": warmup, "epochs": epochs})


Adaptable = PowerModel | FixedGoal | PCGNN


def mean_utility(power: Tensor, gain_db: Tensor, objective: Objective) -> Tensor:
    """Mean over graphs and links of beta(R_k), a scalar; power [B, K], gain_db [B, K, K]."""
    rates = spectral_efficiency(power.float(), db_to_linear(gain_db))
    # Per link, so that batches of different K pull with the same strength.
    return objective.utility(rates).mean() / power.shape[-1]


class Finetuning:
    """One adaptation run of a power model to one objective, in one process."""

    def __init__(
        self,
        config: FinetuningConfig,
        model: Adaptable,
        objective: Objective,
        train: Sequence[np.ndarray],
        validation: Sequence[np.ndarray],
        seed: int,
        group: Group | None = None,
    ) -> None:
        self.config, self.objective, self.seed = config, objective, seed
        self.train, self.validation, self.group = train, validation, group or Group()
        self.model = model.to(self.group.device)
        self.backbone_parameters = self._adaptable()
        head = list(model.head.parameters())
        if config.adapt == "prompt":
            head = self._only_the_prompt()
        self.optimizer = torch.optim.Adam(
            [
                {"params": self.backbone_parameters, "lr": config.backbone_learning_rate},
                {"params": head, "lr": config.head_learning_rate},
            ],
            fused=True,
        )
        self.total_epochs = config.warmup_epochs + config.epochs
        self.epochs_done = 0
        self.history: list[Metrics] = []

    def run(self, report: Report, tick: Tick, resume_from: Path | None = None) -> list[Metrics]:
        """Train to the last epoch; `report` is called every `validate_every` epochs and at the end.

        Afterwards the model is whole again (adapters are merged), so a finished run can be neither saved nor resumed.
        """
        if resume_from is not None:
            self._restore(resume_from)
        while self.epochs_done < self.total_epochs:
            train_utility = self._train_epoch(tick)
            self.epochs_done += 1
            if self.epochs_done % self.config.validate_every == 0 or self.epochs_done == self.total_epochs:
                metrics = {"epoch": float(self.epochs_done), "train_utility_per_link": train_utility}
                self.history.append(metrics | {"validation_utility_per_link": self.validate()})
                report(self.history[-1], self.save)
        if self.config.adapt == "lora":
            merge_adapters(self.model.backbone)
        return self.history

    def _adaptable(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters that the second stage trains; all others are frozen for good."""
        backbone = self.model.backbone
        if self.config.adapt == "lora":
            return add_adapters(backbone, self.config.lora, self.seed)
        if self.config.adapt in ("frozen", "prompt"):
            backbone.requires_grad_(False)
            return []
        return list(backbone.parameters())

    def _only_the_prompt(self) -> list[torch.nn.Parameter]:
        """The prompt's vector, after freezing the head too.

        Raises:
            ValueError: the model has no prompt.
        """
        if not isinstance(self.model, FixedGoal):
            raise ValueError(
                'adapt "prompt" needs a goal-conditioned model: pre-train with utility_weight above 0'
            )
        self.model.head.requires_grad_(False)
        tuned = self.model.backbone.prompt.tuned
        tuned.requires_grad_(True)
        return [tuned]

    def save(self, folder: Path) -> None:
        """Write a checkpoint from which a new process continues with identical bits."""
        state = TrainingState(
            stage="finetune", epochs_done=self.epochs_done, scheduler={}, history=tuple(self.history)
        )
        save_training(folder, {"model": self.model}, self.optimizer, state)

    def _restore(self, folder: Path) -> None:
        state = load_training(folder, {"model": self.model}, self.optimizer)
        self.epochs_done, self.history = state.epochs_done, list(state.history)

    def _train_epoch(self, tick: Tick) -> float:
        # Head warm-up: the untrained head's gradients must not disturb the backbone.
        for parameter in self.backbone_parameters:
            parameter.requires_grad_(self.epochs_done >= self.config.warmup_epochs)
        self.model.train()
        counts = [len(gains) for gains in self.train]
        plan = plan_epoch(counts, self.config.batch_size, self.seed, "finetune", self.epochs_done)
        total = torch.zeros((), dtype=torch.float64, device=self.group.device)
        for number, batch in enumerate(plan):
            gain_db = take(self.train, batch, self.group)
            self._set_learning_rates(self.epochs_done + number / len(plan), len(plan))
            power = self.model(gain_db)
            self.optimizer.zero_grad(set_to_none=True)
            self._loss(power, gain_db).backward()
            self.optimizer.step()
            total += mean_utility(power.detach(), gain_db, self.objective)
            tick(self.epochs_done * len(plan) + number + 1, self.total_epochs * len(plan), len(batch.rows))
        return float(total) / len(plan)

    def _loss(self, power: Tensor, gain_db: Tensor) -> Tensor:
        if self.config.loss == "utility":
            return -mean_utility(power, gain_db, self.objective)  # (15)
        goals = goals_of(self.objective, power.shape[0], power.shape[-1]).to(power.device)
        return goal_loss(spectral_efficiency(power.float(), db_to_linear(gain_db)), goals)

    def _set_learning_rates(self, epochs: float, per_epoch: int) -> None:
        """Base rates times the schedule's multiplier after so many (also partial) epochs, warm-up included."""
        config, factor = self.config, 1.0
        if config.schedule == "cosine":
            # Over the second stage only: the short head warm-up runs at full rate.
            done = max(0.0, epochs - config.warmup_epochs) / max(1, config.epochs)
            factor = 0.5 * (1.0 + math.cos(math.pi * done))
        backbone, head = self.optimizer.param_groups
        steps = (epochs - config.warmup_epochs) * per_epoch + 1.0
        rise = min(1.0, max(0.0, steps) / config.rise_updates) if config.rise_updates else 1.0
        backbone["lr"] = config.backbone_learning_rate * factor * rise
        head["lr"] = config.head_learning_rate * factor

    @torch.no_grad()
    def validate(self) -> float:
        """Mean over the validation sets of the mean utility per link."""
        values = []
        for gains in self.validation:
            power = torch.from_numpy(allocate_batches(self.model, gains)).to(self.group.device)
            gain_db = torch.from_numpy(gains).to(self.group.device).float()
            values.append(float(mean_utility(power, gain_db, self.objective)))
        return sum(values) / len(values)
