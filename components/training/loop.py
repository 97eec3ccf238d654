"""The training loop that pre-training and fine-tuning share; what is learnt is a loss function's business.

It knows neither cluster nor tracker: whoever runs it is told of every step and gets the metrics of every epoch.
"""

import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from components.data.batches import Batch, Group, TrainingSet, plan_epoch, plan_steps, take
from components.training.checkpoint import TrainingState, load_training, save_training
from components.training.precision import Precision, autocast
from components.training.schedule import Schedule
from gfm_ra.errors import UserError

Metrics = dict[str, float]
# report(metrics of the epoch, save): save(folder) writes a checkpoint that `resume_from` takes up again. Beside the
# history's values the metrics hold the loop's `speed`, which depends on the clock and is kept in no file.
Report = Callable[[Metrics, Callable[[Path], None]], None]
# tick(steps done, steps in all, snapshots in the step)
Tick = Callable[[int, int, int], None]
_BUCKET_MB_ON_CPU = 100
_CHECKED_AT_ONCE = 64  # steps: reading a number from a GPU makes its queue wait


class LoopConfig(NamedTuple):
    """How a loop steps, whatever it learns."""

    purpose: str  # names the stream of batches, and the stage in a checkpoint
    epochs: int
    batch_size: int  # over all ranks
    report_every: int = 1  # epochs
    precision: Precision = "float32"
    accumulation: int = 1  # parts that a batch is split into to fit the memory
    max_gradient_norm: float | None = None
    compile: bool = False
    sum_dtype: torch.dtype = torch.float32  # in which an epoch's means are summed
    steps_per_epoch: int | None = None  # None: one pass over the data


class Loss(NamedTuple):
    """A scalar to descend, and the scalar whose mean an epoch reports."""

    value: Tensor
    reported: Tensor


class Epoch(NamedTuple):
    """What an epoch of training came to."""

    reported: float  # mean over the steps
    gradient_norm: float  # likewise, before clipping
    seconds: float
    snapshots: dict[int, int]  # by number of links, over all ranks


class TrainingLoop(ABC):
    """Epochs of gradient steps on one rank of a group; subclasses say what is learnt and what is measured."""

    def __init__(
        self,
        settings: LoopConfig,
        model: nn.Module,
        parameters: Sequence[list[nn.Parameter]],
        train: Sequence[TrainingSet],
        seed: int,
        group: Group,
    ) -> None:
        """Parameters come in groups that have a learning rate each."""
        self.settings, self.train, self.seed, self.group = settings, train, seed, group
        self._model, self._wrapped = model, _distributed(model, group)
        self.forward = torch.compile(self._wrapped) if settings.compile else self._wrapped
        # Fused Adam: the same update in one pass over the weights.
        self.optimizer = torch.optim.Adam([{"params": part} for part in parameters], fused=True)
        self.steps_per_epoch = len(self._plan(0))
        if self.steps_per_epoch == 0:
            raise UserError(f"{settings.purpose}: there are no training snapshots: give at least one")
        self.epochs_done, self.steps_done = 0, 0
        self.history: list[Metrics] = []

    @abstractmethod
    def loss(self, gain_db: Tensor, part: int) -> Loss:
        """The loss of gain_db [B, K, K], which is part number `part` of this rank's batch; uses `self.forward`."""

    @abstractmethod
    def learning_rates(self) -> Sequence[float]:
        """Those of the coming step, one per group of parameters."""

    @abstractmethod
    def measure(self, epoch: Epoch) -> Metrics:
        """What history keeps of an epoch, validation included."""

    @abstractmethod
    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds, by file name."""

    def begin_epoch(self) -> None:
        """What comes before an epoch's first step."""
        self._model.train()

    def clipped_together(self) -> Sequence[list[nn.Parameter]]:
        """Parameters whose gradients are limited by one norm."""
        return [list(self._model.parameters())]

    def is_done(self) -> bool:
        """Whether to stop before the last epoch."""
        return False

    def end_step(self) -> None:  # noqa: B027 (most loops have nothing to do there)
        """What comes after an update."""

    def adaptive_schedule(self) -> Schedule | None:
        """A schedule that remembers validation losses, which a checkpoint must hold."""
        return None

    def speed(self, epoch: Epoch) -> Metrics:
        """What is reported beside the metrics, but kept nowhere."""
        return {}

    def run(self, report: Report, tick: Tick, resume_from: Path | None = None) -> list[Metrics]:
        """Train to the last epoch, calling `tick` after each step and `report` every `report_every` epochs and at the
        end.

        Returns:
            The metrics of every reported epoch, those before the resumed checkpoint included.

        Raises:
            UserError: the loss is not finite, or a metric is not.
        """
        if resume_from is not None:
            self._restore(resume_from)
        while self.epochs_done < self.settings.epochs and not self.is_done():
            epoch = self._train_epoch(tick)
            self.epochs_done += 1
            if self.epochs_done % self.settings.report_every == 0 or self.epochs_done == self.settings.epochs:
                self.history.append(self._finite(self.measure(epoch)))
                report(self.history[-1] | self.speed(epoch), self.save)
        return self.history

    def step(self, gain_db: Tensor) -> Tensor:
        """One update from this rank's batch [B, K, K]; returns what the loss reports and the gradient norm, [2]."""
        for parameters, rate in zip(self.optimizer.param_groups, self.learning_rates(), strict=True):
            parameters["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        parts = gain_db.chunk(self.settings.accumulation)
        reported = torch.zeros((), device=gain_db.device)
        for number, part in enumerate(parts):
            share = len(part) / len(gain_db)
            with self._synchronised_if(number == len(parts) - 1):
                with autocast(self.settings.precision, self.group.device):
                    loss = self.loss(part, number)
                (loss.value * share).backward()
            reported += loss.reported.detach() * share
        limit = self.settings.max_gradient_norm or float("inf")
        norms = [nn.utils.clip_grad_norm_(part, limit, foreach=True) for part in self.clipped_together()]
        norm = norms[0] if len(norms) == 1 else torch.stack(norms).norm()
        self.optimizer.step()
        self.end_step()
        return torch.stack([reported, norm])

    def save(self, folder: Path) -> None:
        """Write a checkpoint from which a new process continues with identical bits."""
        schedule = self.adaptive_schedule()
        state = TrainingState(
            stage=self.settings.purpose,
            epochs_done=self.epochs_done,
            scheduler={} if schedule is None else schedule.state(),
            history=tuple(self.history),
        )
        save_training(folder, self.modules(), self.optimizer, state)

    def _restore(self, folder: Path) -> None:
        state = load_training(folder, self.modules(), self.optimizer)
        self.epochs_done, self.history = state.epochs_done, list(state.history)
        self.steps_done = self.epochs_done * self.steps_per_epoch
        if (schedule := self.adaptive_schedule()) is not None:
            schedule.restore(state.scheduler)

    def _plan(self, epoch: int) -> list[Batch]:
        counts, settings = [len(gains) for gains in self.train], self.settings
        if settings.steps_per_epoch is None:
            return plan_epoch(counts, settings.batch_size, self.seed, settings.purpose, epoch)
        first = epoch * settings.steps_per_epoch
        return plan_steps(
            counts, settings.batch_size, self.seed, settings.purpose, first, settings.steps_per_epoch
        )

    def _train_epoch(self, tick: Tick) -> Epoch:
        self.begin_epoch()
        plan, started = self._plan(self.epochs_done), time.perf_counter()
        # Summed where it is made: reading a number from a GPU waits until everything before it is done.
        total = torch.zeros(2, dtype=self.settings.sum_dtype, device=self.group.device)
        unchecked: list[tuple[Batch, Tensor]] = []
        snapshots: Counter[int] = Counter()
        for batch in plan:
            gain_db = take(self.train, batch, self.group)
            unchecked.append((batch, self.step(gain_db)))
            total += unchecked[-1][1]
            self.steps_done += 1
            count = len(gain_db) * self.group.world_size
            snapshots[gain_db.shape[-1]] += count
            if len(unchecked) == _CHECKED_AT_ONCE:
                self._check_finite(unchecked)
                unchecked = []
            tick(self.steps_done, self.settings.epochs * self.steps_per_epoch, count)
        self._check_finite(unchecked)
        reported, norm = (total / len(plan)).tolist()
        return Epoch(reported, norm, time.perf_counter() - started, snapshots)

    def _check_finite(self, steps: Sequence[tuple[Batch, Tensor]]) -> None:
        """Refuse to go on if one of the last steps was not finite: from then on the weights are not either."""
        finite = torch.stack([found for _, found in steps]).isfinite().all(1).tolist() if steps else []
        if not all(finite):
            index = finite.index(False)
            step, batch = self.steps_done - len(steps) + index + 1, steps[index][0]
            gain_db = take(self.train, batch, self.group)
            sound = bool(gain_db.isfinite().all())
            raise UserError(
                f"{self.settings.purpose}: loss is not finite at step {step}, or its gradient, on data set "
                f"{batch.source + 1} of {len(self.train)} ({gain_db.shape[-1]} links): "
                + ("lower the learning rate" if sound else "its gains are not finite, replace them")
            )

    def _finite(self, metrics: Metrics) -> Metrics:
        """The metrics of an epoch; refused if one is not finite, so that no such model is kept as the best."""
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise UserError(
                    f"{self.settings.purpose}: {name} is {value} after epoch {self.epochs_done}: "
                    "lower the learning rate"
                )
        return metrics

    def _synchronised_if(self, last: bool) -> AbstractContextManager[None]:
        """Ranks exchange gradients once per update, with the last part of a batch."""
        if last or not isinstance(self._wrapped, DistributedDataParallel):
            return nullcontext()
        return self._wrapped.no_sync()


def _distributed(model: nn.Module, group: Group) -> nn.Module:
    """The model, whose gradients ranks exchange if there are several."""
    if group.world_size == 1:
        return model
    # On CPUs one exchange of all gradients: there is nothing to overlap it with.
    size_mb = _BUCKET_MB_ON_CPU if group.device.type == "cpu" else None
    return DistributedDataParallel(model, gradient_as_bucket_view=True, bucket_cap_mb=size_mb)
