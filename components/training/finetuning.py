"""Adapting a backbone to one objective without labels: head warm-up, then everything, equations (14)-(15)."""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from components.config import Strict
from components.data.batches import Group, graphs_at_once
from components.model.conditioning import goal_loss, goals_of
from components.model.heads import PowerModel
from components.model.inference import allocate_batches
from components.model.lora import LoRAConfig, add_adapters, merge_adapters
from components.model.pcgnn.network import PCGNN
from components.model.prompted import FixedGoal
from components.model.rates import spectral_efficiency
from components.model.unfolded_wmmse.network import UnfoldedWMMSE
from components.training.loop import Epoch, LoopConfig, Loss, Metrics, Report, Tick, TrainingLoop
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
    # Updates that count as an epoch, however many samples there are: arms with more samples then train neither longer
    # nor shorter. None: one pass over the samples.
    updates_per_epoch: int | None = Field(default=None, ge=1)
    # Stop after so many validations without a better one, and keep the best weights. None: train to the last epoch.
    patience: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _trains_at_all(self) -> "FinetuningConfig":
        if self.warmup_epochs + self.epochs < 1:
            raise ValueError("warmup_epochs and epochs are both 0: nothing would be trained")
        return self


VALIDATION = "validation_utility_per_link"
TunableModel = PowerModel | FixedGoal | PCGNN | UnfoldedWMMSE


class Finetuning(TrainingLoop):
    """One adaptation run of a power model to one objective, in one process."""

    def __init__(
        self,
        config: FinetuningConfig,
        model: TunableModel,
        objective: Objective,
        train: Sequence[np.ndarray],
        validation: Sequence[np.ndarray],
        seed: int,
        group: Group | None = None,
    ) -> None:
        group = group or Group()
        if group.world_size > 1:
            # Which parameters have gradients changes after the warm-up, which ranks could not agree on.
            raise ValueError("fine-tuning runs in one process: pass a group of one")
        if not validation or not all(map(len, validation)):
            raise ValueError("fine-tuning needs validation data sets with at least one snapshot each")
        self.config, self.objective, self.validation = config, objective, validation
        self.model = model.to(group.device)
        self.backbone_parameters = _tunable(model, config, seed)
        head = _prompt(model) if config.adapt == "prompt" else list(model.head.parameters())
        settings = LoopConfig(
            "finetune", config.warmup_epochs + config.epochs, config.batch_size, config.validate_every,
            sum_dtype=torch.float64, steps_per_epoch=config.updates_per_epoch,
        )  # fmt: skip
        self.best = copy.deepcopy(self.model) if config.patience else None
        super().__init__(settings, self.model, [self.backbone_parameters, head], train, seed, group)

    def run(self, report: Report, tick: Tick, resume_from: Path | None = None) -> list[Metrics]:
        """Train to the last epoch; `report` is called every `validate_every` epochs and at the end.

        Afterwards the model is whole again (adapters are merged), so a finished run can be neither saved nor resumed.
        """
        history = super().run(report, tick, resume_from)
        if self.best is not None:
            self.model.load_state_dict(self.best.state_dict())
        if self.config.adapt == "lora":
            merge_adapters(self.model.backbone)
        return history

    def loss(self, gain_db: Tensor, part: int) -> Loss:
        """Minus the utility of the model's powers."""
        return adaptation_loss(self.forward(gain_db), gain_db, self.objective, self.config.loss)

    def begin_epoch(self) -> None:
        """Head warm-up: the untrained head's gradients must not disturb the backbone."""
        for parameter in self.backbone_parameters:
            parameter.requires_grad_(self.epochs_done >= self.config.warmup_epochs)
        super().begin_epoch()

    def learning_rates(self) -> tuple[float, float]:
        """The backbone's and the head's."""
        config, factor = self.config, 1.0
        # So many epochs are done, parts of one and the warm-up included.
        epochs = self.epochs_done + self.steps_done % self.steps_per_epoch / self.steps_per_epoch
        if config.schedule == "cosine":
            # Over the second stage only: the short head warm-up runs at full rate.
            done = max(0.0, epochs - config.warmup_epochs) / max(1, config.epochs)
            factor = 0.5 * (1.0 + math.cos(math.pi * done))
        steps = (epochs - config.warmup_epochs) * self.steps_per_epoch + 1.0
        rise = min(1.0, max(0.0, steps) / config.rise_updates) if config.rise_updates else 1.0
        return config.backbone_learning_rate * factor * rise, config.head_learning_rate * factor

    def measure(self, epoch: Epoch) -> Metrics:
        """Utilities per link, as means over the epoch's batches and over the validation sets."""
        reached = self.validate()
        if self.best is not None and reached > max(self._validated(), default=-math.inf):
            self.best.load_state_dict(self.model.state_dict())
        return {
            "epoch": float(self.epochs_done),
            "train_utility_per_link": epoch.reported,
            VALIDATION: reached,
        }

    def is_done(self) -> bool:
        """Whether validation has stopped rising for `patience` validations of the second stage."""
        values = self._validated()
        return self.config.patience is not None and len(values) - _first_best(values) >= self.config.patience

    @property
    def reached(self) -> float:
        """Validation utility per link of the weights that are kept."""
        return max(self._validated()) if self.best is not None else self.history[-1][VALIDATION]

    def modules(self) -> dict[str, nn.Module]:
        """The model, and with `patience` the best one so far."""
        found: dict[str, nn.Module] = {"model": self.model}
        return found if self.best is None else found | {"best": self.best}

    def _validated(self) -> list[float]:
        """Validation utilities of the second stage so far, or of the first if there is no second."""
        after = self.config.warmup_epochs if self.config.epochs else 0
        return [metrics[VALIDATION] for metrics in self.history if metrics["epoch"] > after]

    @torch.no_grad()
    def validate(self) -> float:
        """Mean over the validation sets of the mean utility per link."""
        values = [float(self._validate(gains)) for gains in self.validation]
        return sum(values) / len(values)

    def _validate(self, gains: np.ndarray) -> Tensor:
        """Mean utility per link on one data set, in parts that bound the memory."""
        power, links = torch.from_numpy(allocate_batches(self.model, gains)), gains.shape[-1]
        step, utilities = graphs_at_once(links), []
        for one, part in zip(power.split(step), torch.from_numpy(gains).split(step), strict=True):
            gain_db = part.to(self.group.device).float()
            rates = spectral_efficiency(one.to(self.group.device), db_to_linear(gain_db))
            utilities.append(self.objective.utility(rates))
        return torch.cat(utilities).mean() / links


def _first_best(values: Sequence[float]) -> int:
    """How many values there are up to the first of the best; 0 if there are none."""
    return values.index(max(values)) + 1 if values else 0


def adaptation_loss(
    power: Tensor, gain_db: Tensor, objective: Objective, kind: Literal["utility", "scaled"]
) -> Loss:
    """The loss of powers [B, K] on gain_db [B, K, K], by `FinetuningConfig.loss`; what it reports is the utility."""
    rates = spectral_efficiency(power.float(), db_to_linear(gain_db))
    # Per link, so that batches of different K pull with the same strength.
    utility = objective.utility(rates).mean() / rates.shape[-1]
    if kind == "utility":
        return Loss(-utility, utility)  # (15)
    return Loss(goal_loss(rates, goals_of(objective, *power.shape).to(power.device)), utility)


def _tunable(model: TunableModel, config: FinetuningConfig, seed: int) -> list[nn.Parameter]:
    """The backbone's parameters that the second stage trains; all others are frozen for good."""
    if config.adapt == "lora":
        return add_adapters(model.backbone, config.lora, seed)
    if config.adapt in ("frozen", "prompt"):
        model.backbone.requires_grad_(False)
        return []
    return list(model.backbone.parameters())


def _prompt(model: TunableModel) -> list[nn.Parameter]:
    """The prompt's vector, after freezing the head too.

    Raises:
        ValueError: the model has no prompt.
    """
    if not isinstance(model, FixedGoal):
        raise ValueError(
            'adapt "prompt" needs a goal-conditioned model: pre-train with utility_weight above 0'
        )
    model.head.requires_grad_(False)
    tuned = model.backbone.prompt.tuned
    tuned.requires_grad_(True)
    return [tuned]
