"""Training under Ray Train: a loop of `components.training` on every worker."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ray import train
from ray.train import Checkpoint, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from components.data.batches import Group
from components.data.shards import Manifest, load_split
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.loop import Metrics
from components.training.pretraining import Pretraining
from components.training.worlds.config import WorldsConfig
from components.training.worlds.folder import PromptedTraining
from pipelines.cluster.progress_reporter import WorkerReporter
from pipelines.cluster.session import worker_resources

# A worker that dies (out of memory, lost node) is replaced and goes on from the last checkpoint.
MAX_WORKER_FAILURES = 3


@dataclass(frozen=True)
class TrainingData:
    """Which snapshots a run trains on and is validated on; rows None = all there are."""

    folder: Path
    scenarios: tuple[str, ...]
    train_rows: int | None = None
    val_rows: int | None = None

    def load(self, split: str) -> list[np.ndarray]:
        """One array [N, K, K] of gain_db per scenario."""
        manifest = Manifest.load(self.folder)
        rows = self.train_rows if split == "train" else self.val_rows
        return [load_split(self.folder, manifest, name, split, rows) for name in self.scenarios]


@dataclass(frozen=True)
class Algorithm1:
    """The paper's pre-training on stored snapshots."""

    config: PretrainingConfig
    data: TrainingData

    def loop(self, seed: int, group: Group) -> Pretraining:
        """The loop of one worker."""
        return Pretraining(self.config, self.data.load("train"), self.data.load("val"), seed, group)


@dataclass(frozen=True)
class AnyWorld:
    """Training of the unrolled network on networks that are drawn anew for every batch."""

    config: WorldsConfig

    def loop(self, seed: int, group: Group) -> PromptedTraining:
        """The loop of one worker."""
        return PromptedTraining(self.config, seed, group)


Training = Algorithm1 | AnyWorld


def train_worker(settings: dict[str, Any]) -> None:
    """What each training worker runs; Ray Train has set up the process group."""
    context = train.get_context()
    group = Group(context.get_world_rank(), context.get_world_size(), get_device())
    if group.device.type == "cpu":
        torch.set_num_threads(settings["threads"])
    training: Training = settings["training"]
    loop = training.loop(settings["seed"], group)
    reporter = None
    if group.rank == 0 and settings["progress_actor"] is not None:
        reporter = WorkerReporter(settings["progress_actor"])

    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        if reporter is not None:
            reporter.metrics(metrics)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = None
            if group.rank == 0:
                save(Path(folder) / "state")
                loop.save_result(Path(folder))
                checkpoint = Checkpoint.from_directory(folder)
            train.report(metrics, checkpoint=checkpoint)

    def tick(done: int, total: int, snapshots: int) -> None:
        if reporter is not None:
            reporter.tick(done, total, snapshots)

    last = train.get_checkpoint()
    with deterministic(group.device), nullcontext() if last is None else last.as_directory() as folder:
        loop.run(report, tick, resume_from=Path(folder) / "state" if folder else None)


def make_trainer(
    name: str,
    storage: Path,
    training: Training,
    seed: int,
    workers: int,
    threads: int,
    use_gpu: bool,
    progress_actor: Any = None,  # noqa: ANN401 (an actor handle has no public type)
) -> TorchTrainer:
    """A trainer that resumes by itself if a run of that name was interrupted in that storage."""
    settings = {
        "training": training,
        "seed": seed,
        "threads": threads,
        "progress_actor": progress_actor,
    }
    resources = worker_resources("gpu" if use_gpu else "cpu", threads)
    return TorchTrainer(
        train_worker,
        train_loop_config=settings,
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu, resources_per_worker=resources),
        run_config=RunConfig(
            name=name,
            storage_path=str(storage),
            failure_config=FailureConfig(max_failures=MAX_WORKER_FAILURES),
            # The best, and by Ray's own rule the newest, from which an interrupted run goes on.
            checkpoint_config=train.CheckpointConfig(
                num_to_keep=1, checkpoint_score_attribute="validation_loss", checkpoint_score_order="min"
            ),
        ),
    )


def history_csv(history: Sequence[Metrics]) -> str:
    """A learning curve as CSV, one line per report, nothing in it that depends on the clock."""
    names = list(history[0])
    lines = [",".join(names), *(",".join(f"{row[name]:.6g}" for name in names) for row in history)]
    return "\n".join(lines) + "\n"
