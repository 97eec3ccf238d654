"""Algorithm 1: hybrid self-supervised pre-training, as one loop that knows neither cluster nor tracker."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from components.channel.masking import random_pair_mask
from components.channel.torch_rng import seeded, torch_stream
from components.data.batches import Batch, Group, Snapshots, plan_epoch, take
from components.model.conditioning import Goals
from components.model.prompted import GoalBackbone, PromptedModel
from components.training.checkpoint import (
    BACKBONE_NAME,
    MODEL_NAME,
    ModelCard,
    TrainingState,
    load_training,
    save_model,
    save_training,
)
from components.training.config import PretrainingConfig
from components.training.flops import matmul_peak, training_flops
from components.training.precision import autocast, autocast_dtype
from components.training.pretext import PretextLosses, Student, Task, Teacher
from components.training.schedule import Schedule
from components.training.validation import Metrics, Validator, mean_edge_feature

# report(metrics of the epoch, save): save(folder) writes a checkpoint that `resume_from` takes up again. Beside the
# history's values the metrics hold SPEED_METRICS, which depend on the clock and are kept in no file.
Report = Callable[[Metrics, Callable[[Path], None]], None]
# tick(steps done, steps in all, snapshots in the step)
Tick = Callable[[int, int, int], None]
_BUCKET_MB_ON_CPU = 100
SPEED_METRICS = ("epoch_seconds", "snapshots_per_s", "epoch_flops", "peak_flops", "share_of_matmul_peak")


class Pretraining:
    """One run of Algorithm 1 on one rank."""

    def __init__(
        self,
        config: PretrainingConfig,
        train: Sequence[Snapshots],
        validation: Sequence[np.ndarray],
        seed: int,
        group: Group,
        mentor: PromptedModel | None = None,
    ) -> None:
        if (mentor is None) != (config.distillation_weight == 0):
            raise ValueError("a mentor and distillation_weight above 0 belong together")
        self.config, self.train, self.seed, self.group = config, train, seed, group
        with seeded(seed, "pretrain", "weights"):
            conditioning = config.conditioning if config.goal_conditioned else None
            self.student = Student(config.backbone, conditioning).to(group.device)
        self.teacher = Teacher(self.student.encoder, config.ema_decay).to(group.device)
        # What has no loss has no gradient either, and ranks must not wait for one.
        self.student.edge_decoder.requires_grad_(config.edge_weight > 0)
        self.student.encoder.projector.requires_grad_(config.consistency_weight > 0)
        self.student.predictor.requires_grad_(config.consistency_weight > 0)
        self.mentor = None if mentor is None else mentor.to(group.device).eval().requires_grad_(False)
        self.autocast_dtype = autocast_dtype(config.precision, group.device)
        self.wrapped: nn.Module = self.student
        if group.world_size > 1:
            # On CPUs one exchange of all gradients: there is nothing to overlap it with.
            size_mb = _BUCKET_MB_ON_CPU if group.device.type == "cpu" else None
            self.wrapped = DistributedDataParallel(
                self.student, gradient_as_bucket_view=True, bucket_cap_mb=size_mb
            )
        self.forward = torch.compile(self.wrapped) if config.compile else self.wrapped
        self.peak_flops = self._sum_over_ranks(matmul_peak(group.device, self._peak_dtype()))
        # Fused Adam: the same update in one pass over the weights.
        learning = [p for p in self.student.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(learning, lr=config.learning_rate, fused=True)
        self.steps_per_epoch = len(self._plan(0))
        self.schedule = Schedule(config.schedule, config.epochs * self.steps_per_epoch)
        self.history: list[Metrics] = []
        mean_edge = mean_edge_feature(train, config)
        self.validator = Validator(config, self.student, self.teacher, validation, mean_edge, seed, group)

    def run(self, report: Report, tick: Tick, resume_from: Path | None = None) -> list[Metrics]:
        """Train to the last epoch, calling `tick` after each step and `report` after each epoch.

        Returns:
            The metrics of every epoch, those before the resumed checkpoint included.
        """
        if resume_from is not None:
            self._restore(resume_from)
        for epoch in range(len(self.history), self.config.epochs):
            trained, speed = self._train_epoch(epoch, tick)
            metrics = {"epoch": float(epoch)} | trained | self.validate()
            metrics["learning_rate"] = self.optimizer.param_groups[0]["lr"]
            metrics["best"] = float(self.schedule.observe(metrics["validation_loss"]))
            self.history.append(metrics)
            report(metrics | speed, self.save)
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

    def save_result(self, folder: Path) -> None:
        """Write what training is for into an existing folder: the backbone, and the prompted model if there is one."""
        student, card = self.student, ModelCard(backbone=self.config.backbone)
        backbone = student.encoder.backbone
        if isinstance(backbone, GoalBackbone):
            assert student.head is not None
            card = card.model_copy(update={"conditioning": self.config.conditioning})
            model = PromptedModel.of(backbone, student.head)
            save_model(folder, model, card, MODEL_NAME)
            backbone = backbone.backbone
        save_model(folder, backbone, card, BACKBONE_NAME)

    def _restore(self, folder: Path) -> None:
        state = load_training(folder, self._modules(), self.optimizer)
        self.schedule.restore(state.scheduler)
        self.history = list(state.history)

    def _modules(self) -> dict[str, nn.Module]:
        return {"student": self.student, "teacher": self.teacher}

    def _plan(self, epoch: int) -> list[Batch]:
        counts = [len(gains) for gains in self.train]
        return plan_epoch(counts, self.config.batch_size, self.seed, "pretrain", epoch)

    def _train_epoch(self, epoch: int, tick: Tick) -> tuple[Metrics, Metrics]:
        self.student.train()
        self.teacher.train()
        plan, started = self._plan(epoch), time.perf_counter()
        # Summed where it is made: reading a number from a GPU waits until everything before it is done.
        total, flops, snapshots = torch.zeros(2, device=self.group.device), 0.0, 0
        for batch in plan:
            gain_db = take(self.train, batch, self.group)
            total += self.step(gain_db)
            self.schedule.step += 1
            count = len(gain_db) * self.group.world_size
            snapshots += count
            flops += count * self._flops(gain_db.shape[-1])
            tick(self.schedule.step, self.schedule.total_steps, count)
        loss, norm = (total / len(plan)).tolist()
        seconds = time.perf_counter() - started
        share = flops / seconds / self.peak_flops
        speed = (seconds, snapshots / seconds, flops, self.peak_flops, share)
        return {"train_loss": loss, "gradient_norm": norm}, dict(zip(SPEED_METRICS, speed, strict=True))

    def step(self, gain_db: Tensor) -> Tensor:
        """One update of student and teacher; returns loss and gradient norm, [2]."""
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self.config.learning_rate * self.schedule.multiplier()
        self.optimizer.zero_grad(set_to_none=True)
        parts = gain_db.chunk(self.config.accumulation)
        loss = torch.zeros((), device=gain_db.device)
        for number, part in enumerate(parts):
            with self._synchronised_if(number == len(parts) - 1):
                part_loss = self._loss(part, number) * (len(part) / len(gain_db))
                part_loss.backward()
            loss += part_loss.detach()
        norm = torch.nn.utils.clip_grad_norm_(
            self.student.parameters(), self.config.max_gradient_norm or float("inf"), foreach=True
        )
        self.optimizer.step()
        if self.config.consistency_weight > 0:
            self.teacher.update(self.student.encoder)  # (11)
        return torch.stack([loss, norm])

    def _loss(self, gain_db: Tensor, part: int) -> Tensor:
        config, batch, links = self.config, gain_db.shape[0], gain_db.shape[-1]
        key = (self.schedule.step, part, self.group.rank)
        # Drawn where they are used: on a CPU it takes longer than a GPU's whole step.
        generator = torch_stream(self.seed, "pretrain", "mask", *key, device=gain_db.device)
        goals, ratio = None, config.mask_ratio
        if config.goal_conditioned:
            drawing = torch_stream(self.seed, "pretrain", "goals", *key, device=gain_db.device)
            goals = config.goals.draw(batch, links, drawing)
            ratio = config.goals.draw_mask_ratios(batch, drawing)
        mask = random_pair_mask(batch, links, ratio, generator)
        with autocast(self.config.precision, self.group.device):
            target = self.teacher(gain_db, goals) if config.consistency_weight > 0 else None
            powers = self._mentor_power(gain_db, goals)
            losses = self.forward(gain_db, mask, Task(config.edge_weight > 0, target, goals, powers))
        beyond = config.utility_weight * losses.goal + config.distillation_weight * losses.distillation
        return self._total(losses) + beyond

    @torch.no_grad()
    def _mentor_power(self, gain_db: Tensor, goals: Goals | None) -> Tensor | None:
        """What the mentor, who sees every gain, would do under the same goals, [B, K]."""
        if self.mentor is None or goals is None:
            return None
        return self.mentor(gain_db, goals).float()

    def _total(self, losses: PretextLosses) -> Tensor:
        """The self-supervised part: (13), where what is asked of the conditioning counts as edge loss."""
        config = self.config
        return (
            config.edge_weight * (losses.edge + losses.estimate)
            + config.consistency_weight * losses.consistency
        )

    def _flops(self, links: int) -> float:
        config = self.config
        conditioning = config.conditioning if config.goal_conditioned else None
        return training_flops(
            config.backbone, links, config.mask_ratio, config.consistency_weight > 0, conditioning
        )

    def _synchronised_if(self, last: bool) -> AbstractContextManager[None]:
        """Ranks exchange gradients once per update, with the last part of a batch."""
        if last or not isinstance(self.wrapped, DistributedDataParallel):
            return nullcontext()
        return self.wrapped.no_sync()

    def _sum_over_ranks(self, value: float) -> float:
        total = torch.tensor(value, dtype=torch.float64, device=self.group.device)
        if self.group.world_size > 1:
            dist.all_reduce(total)
        return float(total)

    def _peak_dtype(self) -> torch.dtype:
        """What a share refers to: float32 on CPUs, where that is the yardstick, the training precision on GPUs."""
        return self.autocast_dtype if self.group.device.type == "cuda" else torch.float32

    def validate(self) -> Metrics:
        """What `Validator.measure` finds now."""
        return self.validator.measure()
