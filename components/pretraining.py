"""Algorithm 1: hybrid self-supervised pre-training, as one loop that knows neither cluster nor tracker."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from components.backbone import BackboneConfig
from components.batches import Batch, Group, mask_generator, plan_epoch, take
from components.checkpoint import (
    BACKBONE_NAME,
    MODEL_NAME,
    ModelCard,
    TrainingState,
    load_training,
    save_model,
    save_training,
)
from components.config import Strict
from components.diagnostics import HealthThresholds, effective_rank, mean_dimension_std, verdict
from components.features import cross_gains, edge_features
from components.goals import GoalDistribution, advantage, goals_of
from components.masking import random_pair_mask
from components.objectives import ProportionalFair, QoS, SumRate
from components.precision import Precision, autocast_dtype
from components.pretext import PretextLosses, Student, Task, Teacher
from components.prompted import ConditioningConfig, GoalBackbone, PromptedModel
from components.randomness import stream
from components.rates import spectral_efficiency
from components.schedule import Schedule, ScheduleConfig
from components.throughput import matmul_peak, training_flops
from components.units import db_to_linear

Metrics = dict[str, float]
# report(metrics of the epoch, save): save(folder) writes a checkpoint that `resume_from` takes up again. Beside the
# history's values the metrics hold SPEED_METRICS, which depend on the clock and are kept in no file.
Report = Callable[[Metrics, Callable[[Path], None]], None]
# tick(steps done, steps in all, snapshots in the step)
Tick = Callable[[int, int, int], None]
NAMED_GOALS = (SumRate(), ProportionalFair(), QoS())
_BUCKET_MB_ON_CPU = 100
SPEED_METRICS = ("epoch_seconds", "snapshots_per_s", "epoch_flops", "peak_flops", "share_of_matmul_peak")


class PretrainingConfig(Strict):
    """Hyperparameters of Algorithm 1; the defaults are Table I."""

    backbone: BackboneConfig = BackboneConfig()
    mask_ratio: float = Field(default=0.3, gt=0, lt=1)  # rho
    edge_weight: float = Field(default=1.0, ge=0)  # of L_edge; (13) has 1
    consistency_weight: float = Field(default=0.1, ge=0)  # lambda of (13)
    utility_weight: float = Field(default=0.0, ge=0)  # mu: beyond the paper; 0 is Algorithm 1
    conditioning: ConditioningConfig = ConditioningConfig()  # counts if utility_weight is above 0
    goals: GoalDistribution = GoalDistribution()  # likewise
    ema_decay: float = Field(default=0.996, gt=0, lt=1)  # tau of (11)
    epochs: int = Field(default=200, ge=1)
    batch_size: int = Field(default=512, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    schedule: ScheduleConfig = ScheduleConfig()
    max_gradient_norm: float | None = Field(
        default=None, gt=0
    )  # larger gradients are shortened; None = Table I
    precision: Precision = "float32"
    accumulation: int = Field(default=1, ge=1)  # parts that a batch is split into to fit the memory
    compile: bool = False  # torch.compile the student
    health: HealthThresholds = HealthThresholds()

    @model_validator(mode="after")
    def _has_something_to_learn(self) -> "PretrainingConfig":
        if self.edge_weight + self.consistency_weight + self.utility_weight == 0:
            raise ValueError("edge_weight, consistency_weight and utility_weight are all 0: nothing to learn")
        return self

    @property
    def goal_conditioned(self) -> bool:
        """Whether the backbone is conditioned on goals and a power head learns with it."""
        return self.utility_weight > 0


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
            conditioning = config.conditioning if config.goal_conditioned else None
            self.student = Student(config.backbone, conditioning).to(group.device)
        self.teacher = Teacher(self.student.encoder, config.ema_decay).to(group.device)
        # What has no loss has no gradient either, and ranks must not wait for one.
        self.student.edge_decoder.requires_grad_(config.edge_weight > 0)
        self.student.encoder.projector.requires_grad_(config.consistency_weight > 0)
        self.student.predictor.requires_grad_(config.consistency_weight > 0)
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
        self.mean_edge = self._mean_edge_feature()

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
        total, flops, snapshots = torch.zeros(2), 0.0, 0
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
        return torch.stack([loss, norm]).cpu()

    def _loss(self, gain_db: Tensor, part: int) -> Tensor:
        config, batch, links = self.config, gain_db.shape[0], gain_db.shape[-1]
        key = (self.schedule.step, part, self.group.rank)
        generator = mask_generator(self.seed, "pretrain", "mask", *key)
        goals, ratio = None, config.mask_ratio
        if config.goal_conditioned:
            drawing = mask_generator(self.seed, "pretrain", "goals", *key)
            goals = config.goals.draw(batch, links, drawing).to(gain_db.device)
            ratio = config.goals.draw_mask_ratios(batch, drawing)
        mask = random_pair_mask(batch, links, ratio, generator, gain_db.device)
        with self._autocast():
            target = self.teacher(gain_db, goals) if config.consistency_weight > 0 else None
            losses = self.forward(gain_db, mask, Task(config.edge_weight > 0, target, goals))
        return self._total(losses) + config.utility_weight * losses.goal

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

    def _mask(self, gain_db: Tensor, generator: torch.Generator) -> Tensor:
        batch, links, _ = gain_db.shape
        return random_pair_mask(batch, links, self.config.mask_ratio, generator, gain_db.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.group.device.type, torch.bfloat16, enabled=self.autocast_dtype == torch.bfloat16
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
        self._share_buffers()
        self.student.eval()
        self.teacher.eval()
        batches = [
            Batch(source, np.arange(start, min(start + self.config.batch_size, len(gains))))
            for source, gains in enumerate(self.validation)
            for start in range(0, len(gains), self.config.batch_size)
        ]
        sums = torch.zeros(5 + len(NAMED_GOALS), dtype=torch.float64)
        embeddings: list[Tensor] = []
        for index, batch in enumerate(batches):
            if index % self.group.world_size == self.group.rank:
                sums += self._validate_batch(index, batch, embeddings)
        rows = torch.cat(embeddings) if embeddings else torch.zeros(2, self.config.backbone.width)
        signs = torch.tensor(
            [effective_rank(rows[:4096]), mean_dimension_std(rows[:4096])], dtype=torch.float64
        )
        if self.group.world_size > 1:
            # On the training device: nccl does not exchange what lies in main memory.
            sums, signs = sums.to(self.group.device), signs.to(self.group.device)
            dist.all_reduce(sums)
            dist.broadcast(signs, src=0)
        return self._summary(sums, signs)

    def _share_buffers(self) -> None:
        # Moments of batch normalisation are each rank's own. Rank 0's are what a checkpoint holds, so they are what
        # validation must use everywhere: otherwise a resumed run would measure something else.
        if self.group.world_size > 1:
            for buffer in (*self.student.buffers(), *self.teacher.buffers()):
                dist.broadcast(buffer, src=0)

    def _validate_batch(self, index: int, batch: Batch, embeddings: list[Tensor]) -> Tensor:
        gain_db = take(self.validation, batch, Group(device=self.group.device))
        count, links, _ = gain_db.shape
        mask = self._mask(gain_db, mask_generator(self.seed, "pretrain", "validation-mask", index))
        named = [goals_of(objective, count, links).to(gain_db.device) for objective in NAMED_GOALS]
        goals = named[0] if self.config.goal_conditioned else None
        with self._autocast():
            target = self.teacher(gain_db, goals) if self.config.consistency_weight > 0 else None
            losses = self.student(gain_db, mask, Task(True, target, goals))
            embedded = [self.student.encoder.embed(gain_db, one).z for one in (named if goals else [None])]
        embeddings.append(embedded[0].flatten(0, 1).float().cpu())
        edges = float(mask.sum())
        truth = edge_features(gain_db, self.config.backbone.scaling)[:, mask]
        spread = float((truth - self.mean_edge).square().mean())
        nodes = count * links
        values = [float(losses.edge) * edges, spread * edges, edges, float(losses.consistency) * nodes, nodes]
        return torch.tensor([*values, *self._advantages(gain_db, embedded)], dtype=torch.float64)

    def _advantages(self, gain_db: Tensor, embedded: list[Tensor]) -> list[float]:
        """Advantage over full reuse under each named goal, weighted by nodes; zeros if not conditioned."""
        if not self.config.goal_conditioned:
            return [0.0] * len(NAMED_GOALS)
        gain, nodes = db_to_linear(gain_db), gain_db.shape[0] * gain_db.shape[1]
        full = spectral_efficiency(torch.ones_like(gain_db[..., 0]), gain)
        found = []
        for z, objective in zip(embedded, NAMED_GOALS, strict=True):
            with self._autocast():
                power = self.student.power(z)
            rates = spectral_efficiency(power, gain)
            found.append(float(advantage(rates, full, objective).mean()) * nodes)
        return found

    def _summary(self, sums: Tensor, signs: Tensor) -> Metrics:
        config = self.config
        edge, spread = float(sums[0] / sums[2]), float(sums[1] / sums[2])
        consistency = float(sums[3] / sums[4])
        advantages = (sums[5:] / sums[4]).tolist() if config.goal_conditioned else []
        # The estimate inside a conditioned backbone is a means, not an end: only what it leads to is judged.
        loss = config.edge_weight * edge + config.consistency_weight * consistency
        loss -= config.utility_weight * sum(advantages) / len(NAMED_GOALS)
        unit_db = config.backbone.scaling.cross_std_db
        summary = {
            "validation_loss": loss,
            "validation_edge_loss": edge,
            "validation_consistency_loss": consistency,
            "edge_rmse_db": edge**0.5 * unit_db,
            "mean_predictor_rmse_db": spread**0.5 * unit_db,
            "effective_rank": float(signs[0]),
            "embedding_std": float(signs[1]),
        }
        names = [f"advantage_{objective.name}" for objective in NAMED_GOALS]
        return summary | dict(zip(names, advantages, strict=False))


def health(config: PretrainingConfig, last: Metrics) -> str:
    """The verdict on a finished run: "healthy", "plateau" or "collapsed"."""
    return verdict(
        last["edge_rmse_db"], last["mean_predictor_rmse_db"], last["effective_rank"], config.health
    )
