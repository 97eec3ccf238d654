"""Algorithm 1: hybrid self-supervised pre-training, as one loop that knows neither cluster nor tracker."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.distributed as dist
from pydantic import Field
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from components.backbone import BackboneConfig
from components.batches import Batch, Group, mask_generator, plan_epoch, take
from components.checkpoint import TrainingState, load_training, save_training
from components.config import Strict
from components.diagnostics import HealthThresholds, effective_rank, mean_dimension_std, verdict
from components.features import cross_gains, edge_features
from components.masking import random_pair_mask
from components.pretext import Student, Teacher
from components.randomness import stream
from components.schedule import Schedule, ScheduleConfig

Metrics = dict[str, float]
# report(metrics of the epoch, save): save(folder) writes a checkpoint that `resume_from` takes up again.
Report = Callable[[Metrics, Callable[[Path], None]], None]
# tick(steps done, steps in all, snapshots in the step)
Tick = Callable[[int, int, int], None]


class PretrainingConfig(Strict):
    """Hyperparameters of Algorithm 1; the defaults are Table I."""

    backbone: BackboneConfig = BackboneConfig()
    mask_ratio: float = Field(default=0.3, gt=0, lt=1)  # rho
    consistency_weight: float = Field(default=0.1, ge=0)  # lambda of (13)
    ema_decay: float = Field(default=0.996, gt=0, lt=1)  # tau of (11)
    epochs: int = Field(default=200, ge=1)
    batch_size: int = Field(default=512, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    schedule: ScheduleConfig = ScheduleConfig()
    precision: Literal["float32", "bfloat16"] = "float32"
    health: HealthThresholds = HealthThresholds()


class Pretraining:
    """One run of Algorithm 1 on one rank."""

    def __init__(
        self,
        config: PretrainingConfig,
        train: Sequence[np.ndarray],
        validation: Sequence[np.ndarray],
        seed: int,
        group: Group,
    ) -> None:
        self.config, self.train, self.validation, self.seed, self.group = (
            config,
            train,
            validation,
            seed,
            group,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(stream(seed, "pretrain", "weights").integers(2**62)))
            self.student = Student(config.backbone).to(group.device)
        self.teacher = Teacher(self.student.encoder, config.ema_decay).to(group.device)
        self.wrapped: nn.Module = self.student
        if group.world_size > 1:
            self.wrapped = DistributedDataParallel(self.student)
        # Fused Adam: the same update in one pass over the weights.
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=config.learning_rate, fused=True)
        self.steps_per_epoch = len(self._plan(0))
        self.schedule = Schedule(config.schedule, config.epochs * self.steps_per_epoch)
        self.history: list[Metrics] = []
        self.mean_edge = self._mean_edge_feature()

    def run(self, report: Report, tick: Tick, resume_from: Path | None = None) -> list[Metrics]:
        """Train to the last epoch, calling `tick` after each step and `report` after each epoch.

        Returns:
            The metrics of every epoch, those before the resumed checkpoint included.
        """
        if resume_from is not None:
            self._restore(resume_from)
        for epoch in range(len(self.history), self.config.epochs):
            train_loss = self._train_epoch(epoch, tick)
            metrics = {"epoch": float(epoch), "train_loss": train_loss} | self.validate()
            metrics["learning_rate"] = self.optimizer.param_groups[0]["lr"]
            metrics["best"] = float(self.schedule.observe(metrics["validation_loss"]))
            self.history.append(metrics)
            report(metrics, self.save)
        return self.history

    def save(self, folder: Path) -> None:
        """Write a checkpoint from which a new process continues with identical bits."""
        state = TrainingState(
            stage="pretrain",
            epochs_done=len(self.history),
            scheduler=self.schedule.state(),
            history=tuple(self.history),
        )
        save_training(folder, self._modules(), self.optimizer, state)

    def _restore(self, folder: Path) -> None:
        state = load_training(folder, self._modules(), self.optimizer)
        self.schedule.restore(state.scheduler)
        self.history = list(state.history)

    def _modules(self) -> dict[str, nn.Module]:
        return {"student": self.student, "teacher": self.teacher}

    def _plan(self, epoch: int) -> list[Batch]:
        counts = [len(gains) for gains in self.train]
        return plan_epoch(counts, self.config.batch_size, self.seed, "pretrain", epoch)

    def _train_epoch(self, epoch: int, tick: Tick) -> float:
        self.student.train()
        self.teacher.train()
        plan = self._plan(epoch)
        total = torch.zeros(())
        for batch in plan:
            total += self._step(take(self.train, batch, self.group))
            self.schedule.step += 1
            tick(self.schedule.step, self.schedule.total_steps, len(batch.rows))
        return float(total) / len(plan)

    def _step(self, gain_db: Tensor) -> Tensor:
        generator = mask_generator(self.seed, "pretrain", "mask", self.schedule.step, self.group.rank)
        mask = self._mask(gain_db, generator)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self.config.learning_rate * self.schedule.multiplier()
        with self._autocast():
            losses = self.wrapped(gain_db, mask, self.teacher(gain_db))
        loss = losses.edge + self.config.consistency_weight * losses.consistency  # (13)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.teacher.update(self.student.encoder)  # (11)
        return loss.detach().cpu()

    def _mask(self, gain_db: Tensor, generator: torch.Generator) -> Tensor:
        batch, links, _ = gain_db.shape
        return random_pair_mask(batch, links, self.config.mask_ratio, generator, gain_db.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.group.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"
        )

    @torch.no_grad()
    def _mean_edge_feature(self) -> float:
        # What predict-the-mean would predict: the mean standardised cross gain of the training data.
        sums = torch.zeros(2, dtype=torch.float64)
        for gains in self.train:
            cross = cross_gains(torch.from_numpy(gains[:256]).float(), self.config.backbone.scaling)
            off_diagonal = ~torch.eye(cross.shape[-1], dtype=torch.bool)
            values = cross[:, off_diagonal].double()
            sums += torch.tensor([values.sum(), values.numel()], dtype=torch.float64)
        return float(sums[0] / sums[1])

    @torch.no_grad()
    def validate(self) -> Metrics:
        """Both losses and the signs of life on the validation split, with the same masks every time."""
        self.student.eval()
        self.teacher.eval()
        batches = [
            Batch(source, np.arange(start, min(start + self.config.batch_size, len(gains))))
            for source, gains in enumerate(self.validation)
            for start in range(0, len(gains), self.config.batch_size)
        ]
        sums = torch.zeros(5, dtype=torch.float64)
        embeddings: list[Tensor] = []
        for index, batch in enumerate(batches):
            if index % self.group.world_size == self.group.rank:
                sums += self._validate_batch(index, batch, embeddings)
        rows = torch.cat(embeddings) if embeddings else torch.zeros(2, self.config.backbone.width)
        signs = torch.tensor(
            [effective_rank(rows[:4096]), mean_dimension_std(rows[:4096])], dtype=torch.float64
        )
        if self.group.world_size > 1:
            dist.all_reduce(sums)
            dist.broadcast(signs, src=0)
        return self._summary(sums, signs)

    def _validate_batch(self, index: int, batch: Batch, embeddings: list[Tensor]) -> Tensor:
        gain_db = take(self.validation, batch, Group(device=self.group.device))
        mask = self._mask(gain_db, mask_generator(self.seed, "pretrain", "validation-mask", index))
        with self._autocast():
            losses = self.student(gain_db, mask, self.teacher(gain_db))
            embeddings.append(self.student.encoder.backbone(gain_db).flatten(0, 1).float().cpu())
        edges = float(mask.sum())
        truth = edge_features(gain_db, self.config.backbone.scaling)[:, mask]
        spread = float((truth - self.mean_edge).square().mean())
        nodes = gain_db.shape[0] * gain_db.shape[1]
        values = [float(losses.edge) * edges, spread * edges, edges, float(losses.consistency) * nodes, nodes]
        return torch.tensor(values, dtype=torch.float64)

    def _summary(self, sums: Tensor, signs: Tensor) -> Metrics:
        edge, spread, consistency = (
            float(sums[0] / sums[2]),
            float(sums[1] / sums[2]),
            float(sums[3] / sums[4]),
        )
        unit_db = self.config.backbone.scaling.cross_std_db
        return {
            "validation_loss": edge + self.config.consistency_weight * consistency,
            "validation_edge_loss": edge,
            "validation_consistency_loss": consistency,
            "edge_rmse_db": edge**0.5 * unit_db,
            "mean_predictor_rmse_db": spread**0.5 * unit_db,
            "effective_rank": float(signs[0]),
            "embedding_std": float(signs[1]),
        }


def health(config: PretrainingConfig, last: Metrics) -> str:
    """The verdict on a finished run: "healthy", "plateau" or "collapsed"."""
    return verdict(
        last["edge_rmse_db"], last["mean_predictor_rmse_db"], last["effective_rank"], config.health
    )
