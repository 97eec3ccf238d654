"""Algorithm 1: hybrid self-supervised pre-training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from components.channel.masking import random_mask, random_pair_mask
from components.channel.torch_rng import seeded, torch_stream
from components.data.batches import Group, Snapshots, links_of
from components.model.prompted import GoalBackbone, PromptedModel
from components.training.checkpoint import BACKBONE_NAME, MODEL_NAME, ModelCard, save_model
from components.training.config import PretrainingConfig
from components.training.flops import matmul_peak, training_flops
from components.training.loop import Epoch, LoopConfig, Loss, Metrics, TrainingLoop
from components.training.precision import autocast_dtype
from components.training.pretext import PretextLosses, Student, Task, Teacher
from components.training.schedule import Schedule
from components.training.validation import Validator, mean_edge_feature
from gfm_ra.errors import UserError

SPEED_METRICS = ("epoch_seconds", "snapshots_per_s", "epoch_flops", "peak_flops", "share_of_matmul_peak")


class Pretraining(TrainingLoop):
    """One run of Algorithm 1 on one rank."""

    def __init__(
        self,
        config: PretrainingConfig,
        train: Sequence[Snapshots],
        validation: Sequence[np.ndarray],
        seed: int,
        group: Group,
    ) -> None:
        self.config = config
        with seeded(seed, "pretrain", "weights"):
            conditioning = config.conditioning if config.goal_conditioned else None
            self.student = Student(config.backbone, conditioning).to(group.device)
        self.teacher = Teacher(self.student.encoder, config.ema_decay).to(group.device)
        # What has no loss has no gradient either, and ranks must not wait for one.
        self.student.edge_decoder.requires_grad_(config.edge_weight > 0)
        self.student.encoder.projector.requires_grad_(config.consistency_weight > 0)
        self.student.predictor.requires_grad_(config.consistency_weight > 0)
        settings = LoopConfig(
            "pretrain", config.epochs, config.batch_size, precision=config.precision, compile=config.compile,
            accumulation=config.accumulation, max_gradient_norm=config.max_gradient_norm,
        )  # fmt: skip
        learning = [p for p in self.student.parameters() if p.requires_grad]
        super().__init__(settings, self.student, [learning], train, seed, group)
        self._check_rows()
        self.peak_flops = self._sum_over_ranks(matmul_peak(group.device, self._peak_dtype()))
        self.schedule = Schedule(config.schedule, config.epochs * self.steps_per_epoch)
        mean_edge = mean_edge_feature(train, config)
        self.validator = Validator(config, self.student, self.teacher, validation, mean_edge, seed, group)

    def loss(self, gain_db: Tensor, part: int) -> Loss:
        """Algorithm 1, lines 5-10: a masked view, both pretext losses, and what goes beyond the paper."""
        config, batch, links = self.config, gain_db.shape[0], gain_db.shape[-1]
        key = (self.steps_done, part, self.group.rank)
        # Drawn where they are used: on a CPU it takes longer than a GPU's whole step.
        generator = torch_stream(self.seed, "pretrain", "mask", *key, device=gain_db.device)
        goals = None
        if config.goal_conditioned:
            drawing = torch_stream(self.seed, "pretrain", "goals", *key, device=gain_db.device)
            goals = config.goals.draw(batch, links, drawing)
            mask = random_pair_mask(batch, links, config.goals.draw_mask_ratios(batch, drawing), generator)
        else:
            mask = random_mask(config.masked, batch, links, config.mask_ratio, generator)
        target = self.teacher(gain_db, goals) if config.consistency_weight > 0 else None
        losses = self.forward(gain_db, mask, Task(config.edge_weight > 0, target, goals))
        edges = (
            1.0 if config.edge_reduction == "mean" else 2.0 * mask.sum() / batch
        )  # numbers predicted per graph
        losses = losses._replace(edge=losses.edge * edges)
        total = self._total(losses) + config.utility_weight * losses.goal
        return Loss(total, total)

    def learning_rates(self) -> list[float]:
        """One for all of the student."""
        return [self.config.learning_rate * self.schedule.multiplier(self.steps_done)]

    def begin_epoch(self) -> None:
        """Student and teacher use their batch's moments."""
        self.student.train()
        self.teacher.train()

    def end_step(self) -> None:
        """The teacher follows the student."""
        if self.config.consistency_weight > 0:
            self.teacher.update(self.student.encoder)  # (11)

    def measure(self, epoch: Epoch) -> Metrics:
        """Training and validation losses, signs of life, the last learning rate, and whether this epoch is the best."""
        metrics = {"epoch": float(self.epochs_done - 1)}
        metrics |= {"train_loss": epoch.reported, "gradient_norm": epoch.gradient_norm} | self.validate()
        metrics["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        metrics["best"] = float(self.schedule.observe(metrics["validation_loss"]))
        return metrics

    def validate(self) -> Metrics:
        """What `Validator.measure` finds now."""
        return self.validator.measure()

    def speed(self, epoch: Epoch) -> Metrics:
        """SPEED_METRICS of an epoch, over all ranks."""
        flops = sum(count * self._flops(links) for links, count in epoch.snapshots.items())
        rate, share = sum(epoch.snapshots.values()) / epoch.seconds, flops / epoch.seconds / self.peak_flops
        values = (epoch.seconds, rate, flops, self.peak_flops, share)
        return dict(zip(SPEED_METRICS, values, strict=True))

    def adaptive_schedule(self) -> Schedule:
        """That of the student's learning rate."""
        return self.schedule

    def modules(self) -> dict[str, nn.Module]:
        """Student and teacher."""
        return {"student": self.student, "teacher": self.teacher}

    def save_result(self, folder: Path) -> None:
        """Write what training is for into an existing folder: the backbone, and the prompted model if there is one."""
        student, card = self.student, ModelCard(backbone=self.config.backbone)
        backbone = student.encoder.backbone
        if isinstance(backbone, GoalBackbone):
            assert student.head is not None
            goals = self.config.unusual_goals
            card = card.model_copy(update={"conditioning": self.config.conditioning, "goals": goals})
            model = PromptedModel.of(backbone, student.head)
            save_model(folder, model, card, MODEL_NAME)
            backbone = backbone.backbone
        save_model(folder, backbone, card, BACKBONE_NAME)

    def _total(self, losses: PretextLosses) -> Tensor:
        """The self-supervised part: (13), where what is asked of the conditioning counts as edge loss."""
        config = self.config
        return (
            config.edge_weight * (losses.edge + losses.estimate)
            + config.consistency_weight * losses.consistency
        )

    def _check_rows(self) -> None:
        """Batch normalisation needs two links at a time, whose moments it takes.

        Raises:
            UserError: networks of one link come one by one, at least at a data set's end.
        """
        if self.config.consistency_weight == 0:
            return
        for batch in self._plan(0):
            share = max(1, len(batch.rows) // self.group.world_size)
            least = share - (share - 1) // (size := -(-share // self.config.accumulation)) * size
            if least * links_of(self.train[batch.source]) == 1:
                raise UserError(
                    f"pretrain: data set {batch.source + 1} has one link per snapshot and a batch, or a rank's or "
                    "part's share of one, of a single snapshot, which consistency cannot be learnt from: choose "
                    "another batch_size or accumulation, or consistency_weight 0"
                )

    def _flops(self, links: int) -> float:
        config = self.config
        conditioning = config.conditioning if config.goal_conditioned else None
        return training_flops(
            config.backbone, links, config.mask_ratio, config.consistency_weight > 0, conditioning
        )

    def _sum_over_ranks(self, value: float) -> float:
        total = torch.tensor(value, dtype=torch.float64, device=self.group.device)
        if self.group.world_size > 1:
            dist.all_reduce(total)
        return float(total)

    def _peak_dtype(self) -> torch.dtype:
        """What a share refers to: float32 on CPUs, where that is the limit, the training precision on GPUs."""
        dtype = autocast_dtype(self.config.precision, self.group.device)
        return dtype if self.group.device.type == "cuda" else torch.float32
