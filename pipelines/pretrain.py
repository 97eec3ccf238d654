"""Stage pretrain: Algorithm 1 under Ray Train, on as many workers as asked for."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from components.checkpoint import BACKBONE_NAME, CONFIG_NAME
from components.diagnostics import noise_floor_db
from components.pretraining import Metrics, PretrainingConfig, health
from components.shards import Manifest, json_text, load_split
from pipelines import paths
from pipelines.board import LiveBoard
from pipelines.cluster import cpus, gpus, session
from pipelines.errors import UserError, describe_validation
from pipelines.progress import Meter
from pipelines.stage import Context, Outcome, Stage, main
from pipelines.training import TrainingData, history_csv, make_trainer


class PretrainConfig(PretrainingConfig):
    """Algorithm 1's hyperparameters, the data to use and how to spread the work."""

    from_sweep: bool = False
    scenarios: tuple[str, ...] = Field(min_length=1)
    workers: int = Field(default=2, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"

    def algorithm(self) -> PretrainingConfig:
        """The part that the loop knows."""
        return PretrainingConfig.model_validate(
            {name: getattr(self, name) for name in PretrainingConfig.model_fields}
        )


def with_overrides(config: PretrainConfig, path: Path) -> PretrainConfig:
    """The configuration with the sweep's choice laid over it (an empty file changes nothing).

    Raises:
        UserError: the file does not fit.
    """
    overrides = json.loads(path.read_text())
    try:
        merged = config.model_dump(mode="json") | overrides
        merged["backbone"] = config.backbone.model_dump(mode="json") | overrides.get("backbone", {})
        return PretrainConfig.model_validate_json(json.dumps(merged))
    except ValidationError as error:
        raise UserError(f"{path}: {describe_validation(error, 'pretrain')}") from None


def check_cluster(config: PretrainConfig) -> None:
    """Refuse at once what could never be scheduled.

    Raises:
        UserError: the cluster is too small.
    """
    have, need = (
        (gpus(), config.workers)
        if config.accelerator == "gpu"
        else (cpus(), config.workers * config.threads_per_worker)
    )
    if need > have:
        raise UserError(
            f"pretrain.workers={config.workers} needs {need} {config.accelerator.upper()}s "
            f"but the cluster has {have}: lower pretrain.workers or pretrain.threads_per_worker, "
            "or join a larger cluster with RAY_ADDRESS"
        )


def check_data(config: PretrainConfig, folder: Path) -> None:
    """Read every split once, so that missing or damaged shards show before the workers start."""
    manifest = Manifest.load(folder)
    for name in config.scenarios:
        for split in ("train", "val"):
            load_split(folder, manifest, name, split)


def work(context: Context[PretrainConfig]) -> Outcome:
    """Pre-train a backbone; goes on from the last checkpoint of an interrupted run."""
    config = with_overrides(context.config, paths.overrides(context.config.from_sweep))
    data = TrainingData(paths.DATA.resolve(), config.scenarios)
    check_data(config, data.folder)
    storage, started = (context.scratch / "ray").resolve(), time.monotonic()
    with session():
        check_cluster(config)
        with (
            Meter(context.console, "pretrain", 1, "steps") as meter,
            LiveBoard(meter, context.run, _note) as board,
        ):
            trainer = make_trainer(
                "pretrain", storage, config.algorithm(), data, context.seed, config.workers,
                config.threads_per_worker, config.accelerator == "gpu", board.actor,
            )  # fmt: skip
            result = trainer.fit()
        if result.checkpoint is None:
            raise UserError("pretrain ended without a checkpoint: see the messages above")
        with result.checkpoint.as_directory() as folder:
            outcome = _outcome(context, config, Path(folder))
    return replace(outcome, rows=[*outcome.rows, *_speed_rows(board.metrics, time.monotonic() - started)])


def _note(metrics: Metrics) -> str:
    return (
        f"epoch {metrics['epoch'] + 1:.0f}: edge RMSE {metrics['edge_rmse_db']:.2f} dB "
        f"(mean {metrics['mean_predictor_rmse_db']:.2f}), rank {metrics['effective_rank']:.0f}"
    )


def _outcome(context: Context[PretrainConfig], config: PretrainConfig, checkpoint: Path) -> Outcome:
    state = json.loads((checkpoint / "state" / "state.json").read_text())
    history: list[Metrics] = state["history"]
    assert len(history) == config.epochs, "Ray Train gave back a checkpoint that is not the newest"
    last, verdict = history[-1], health(config, history[-1])
    made = context.scratch / "made"
    (made / "model").mkdir(parents=True, exist_ok=True)
    for name in (BACKBONE_NAME, CONFIG_NAME):
        (made / "model" / name).write_bytes((checkpoint / name).read_bytes())
    shown = ("validation_loss", "edge_rmse_db", "mean_predictor_rmse_db", "effective_rank")
    summary = {name: round(last[name], 6) for name in shown} | {"verdict": verdict}
    summary["noise_floor_db"] = round(_noise_floor_db(config), 6)
    (made / "metrics.json").write_text(json_text(summary))
    (made / "history.csv").write_text(history_csv(history))
    outputs = {
        paths.BACKBONE: made / "model",
        paths.metrics("pretrain"): made / "metrics.json",
        paths.history("pretrain"): made / "history.csv",
    }
    context.run.tags({"verdict": verdict})
    return Outcome(outputs, ["pre-training", "last epoch"], _rows(last, verdict))


def _noise_floor_db(config: PretrainConfig) -> float:
    manifest = Manifest.load(paths.DATA)
    return max(
        noise_floor_db(float(manifest.entry(name).parameters["shadowing_db"])) for name in config.scenarios
    )


def _speed_rows(epochs: Sequence[Metrics], seconds: float) -> list[list[str]]:
    """How fast this run was, itself and with everything around it; nothing if all epochs had been done before."""
    if not epochs:
        return []
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
    ]


def _rows(last: Metrics, verdict: str) -> list[list[str]]:
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
        ["verdict", explained[verdict]],
    ]


STAGE = Stage(
    "pretrain",
    PretrainConfig,
    work,
    inputs=lambda config: [paths.DATA, paths.overrides(config.from_sweep)],
    outputs=[paths.BACKBONE, paths.metrics("pretrain"), paths.history("pretrain")],
)

if __name__ == "__main__":
    main(STAGE)
