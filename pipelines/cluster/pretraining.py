"""One pre-training run on the cluster: what is checked before, shown meanwhile, and kept afterwards."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from pydantic import Field
from ray.train import ControllerError, Result, WorkerGroupError
from ray.train.torch import TorchTrainer

from components.config import Strict
from components.data.shards import Manifest, load_split
from components.training.checkpoint import BACKBONE_NAME, CONFIG_NAME, MODEL_NAME
from components.training.loop import Metrics
from components.training.worlds.folder import NETWORK_NAME
from pipelines.cluster.progress_reporter import ProgressReporter
from pipelines.cluster.room import Need
from pipelines.cluster.trainer import Algorithm1, Training, TrainingData, make_trainer
from pipelines.cluster.workers import workers
from pipelines.runtime.errors import EXPECTED, UserError
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context


class Spread(Strict):
    """How a training is spread over workers."""

    workers: int = Field(default=2, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"


RATIO = "ratio_sum_rate"  # of the unrolled network's validation
SpreadT = TypeVar("SpreadT", bound=Spread)


class Trained(NamedTuple):
    """What a run leaves: a folder with the model, the learning curve, and rows on its speed."""

    model: Path
    history: list[Metrics]
    speed: list[list[str]]


def need_of(spread: Spread, section: str) -> Need:
    """The workers that a run trains on at the same time."""
    remedy = f"lower workers or threads_per_worker of {section}, "
    return Need(section, spread.workers, spread.accelerator, spread.threads_per_worker, remedy)


def check_data(data: TrainingData) -> None:
    """Read every split once, so that missing or damaged shards show before the workers start."""
    manifest = Manifest.load(data.folder)
    for name in data.scenarios:
        for split in ("train", "val"):
            load_split(data.folder, manifest, name, split)


def train_on_cluster(context: Context[SpreadT], label: str, training: Training) -> Trained:
    """Train under Ray Train, going on from the last checkpoint if this run was interrupted.

    Raises:
        UserError: the cluster is too small, or training left nothing.
        DataError: shards are missing or damaged.
    """
    spread, seen = context.config, []
    if isinstance(training, Algorithm1):
        check_data(training.data)
        seen.append(training.data.folder)
    storage, started = (context.scratch / "ray").resolve(), time.monotonic()
    storage.mkdir(parents=True, exist_ok=True)
    with workers(need_of(spread, label.partition("@")[0]), [*seen, storage]):
        with (
            Meter(context.console, label, 1, "steps") as meter,
            ProgressReporter(meter, context.run, _note) as reporter,
        ):
            trainer = make_trainer(
                "pretrain", storage, training, context.seed, spread.workers,
                spread.threads_per_worker, spread.accelerator == "gpu", reporter.actor,
            )  # fmt: skip
            result = _fit(trainer)
        if result.checkpoint is None:
            raise UserError(f"{label} ended without a checkpoint: see the messages above")
        with result.checkpoint.as_directory() as folder:
            history = _history(Path(folder))
            made = _copy_model(Path(folder), context.scratch / "made" / "model")
    epochs = training.config.epochs
    assert len(history) == epochs, "Ray Train gave back a checkpoint that is not the newest"
    return Trained(made, history, _speed_rows(reporter.metrics, time.monotonic() - started))


def _fit(trainer: TorchTrainer) -> Result:
    """Train; what a person can mend, a full disk above all, comes back as what the worker or controller raised."""
    try:
        return trainer.fit()
    except WorkerGroupError as error:
        causes = [cause for cause in error.worker_failures.values() if isinstance(cause, EXPECTED)]
        if not causes:
            raise
        raise causes[0] from None
    except ControllerError as error:
        if not isinstance(error.controller_failure, EXPECTED):
            raise
        raise error.controller_failure from None


def _history(checkpoint: Path) -> list[Metrics]:
    return json.loads((checkpoint / "state" / "state.json").read_text())["history"]


def _copy_model(checkpoint: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for path in checkpoint.iterdir():
        if path.name in (BACKBONE_NAME, MODEL_NAME, NETWORK_NAME, CONFIG_NAME):
            (folder / path.name).write_bytes(path.read_bytes())
    return folder


def _note(metrics: Metrics) -> str:
    if RATIO in metrics:
        return f"epoch {metrics['epoch'] + 1:.0f}: sum rate / one WMMSE run {metrics[RATIO]:.3f}"
    return (
        f"epoch {metrics['epoch'] + 1:.0f}: edge RMSE {metrics['edge_rmse_db']:.2f} dB "
        f"(mean {metrics['mean_predictor_rmse_db']:.2f}), rank {metrics['effective_rank']:.0f}"
    )


def _speed_rows(epochs: Sequence[Metrics], seconds: float) -> list[list[str]]:
    """How fast this run was, itself and with everything around it; nothing if all epochs had been done before."""
    if not epochs:
        return []
    if "epoch_flops" not in epochs[-1]:
        training = sum(row["seconds"] for row in epochs)
        return [_overhead(seconds - training, seconds)]
    flops, peak = sum(row["epoch_flops"] for row in epochs), epochs[-1]["peak_flops"]
    training = sum(row["epoch_seconds"] for row in epochs)
    rate = sum(row["snapshots_per_s"] * row["epoch_seconds"] for row in epochs) / training
    return [
        ["snapshots/s while training", f"{rate:,.0f}"],
        [
            "share of matmul peak while training",
            f"{flops / training / peak:.1%} of {peak / 1e9:,.0f} GFLOP/s",
        ],
        ["share over the whole stage", f"{flops / seconds / peak:.1%}"],
        _overhead(seconds - training, seconds),
    ]


def _overhead(rest: float, seconds: float) -> list[str]:
    return ["seconds for start-up, validation and checkpoints", f"{rest:.0f} of {seconds:.0f}"]


def summary_rows(last: Metrics, status: str) -> list[list[str]]:
    """The last epoch for people."""
    explained = {
        "healthy": "healthy",
        "plateau": "PLATEAU: the edge loss has learnt little beyond the mean; train longer",
        "collapsed": "COLLAPSED: the embeddings span too few directions",
    }
    return [
        ["epochs", f"{last['epoch'] + 1:.0f}"],
        ["edge RMSE, dB", f"{last['edge_rmse_db']:.2f}"],
        ["predict-the-mean RMSE, dB", f"{last['mean_predictor_rmse_db']:.2f}"],
        ["consistency loss", f"{last['validation_consistency_loss']:.3f}"],
        ["effective rank", f"{last['effective_rank']:.1f}"],
        ["embedding std", f"{last['embedding_std']:.3f}"],
        *(
            [f"{name.removeprefix('advantage_')}, advantage over full reuse", f"{value:.3f}"]
            for name, value in last.items()
            if name.startswith("advantage_")
        ),
        ["status", explained[status]],
    ]
