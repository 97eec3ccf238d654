"""Pre-training under Ray Train: the loop of `components.training.pretraining` on every worker."""

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
from components.training.checkpoint import load_prompted_model
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.loop import Metrics
from components.training.pretraining import Pretraining
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


def train_worker(settings: dict[str, Any]) -> None:
    """What each training worker runs; Ray Train has set up the process group."""
    context = train.get_context()
    group = Group(context.get_world_rank(), context.get_world_size(), get_device())
    if group.device.type == "cpu":
        torch.set_num_threads(settings["threads"])
    config = PretrainingConfig.model_validate_json(settings["config"])
    data: TrainingData = settings["data"]
    folder = settings["distillation_teacher"]
    distillation_teacher = None if folder is None else load_prompted_model(folder)
    loop = Pretraining(
        config, data.load("train"), data.load("val"), settings["seed"], group, distillation_teacher
    )
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
    config: PretrainingConfig,
    data: TrainingData,
    seed: int,
    workers: int,
    threads: int,
    use_gpu: bool,
    progress_actor: Any = None,  # noqa: ANN401 (an actor handle has no public type)
    distillation_teacher: Path | None = None,
) -> TorchTrainer:
    """A trainer that resumes by itself if a run of that name was interrupted in that storage.

    distillation_teacher: folder of a prompted model whose powers the student is drawn to.
    """
    settings = {
        "config": config.model_dump_json(),
        "data": data,
        "seed": seed,
        "threads": threads,
        "progress_actor": progress_actor,
        "distillation_teacher": distillation_teacher,
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
