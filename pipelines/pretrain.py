"""Stage pretrain: Algorithm 1, and its goal-conditioned extension, under Ray Train on as many workers as asked for."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import Field, JsonValue, ValidationError, model_validator

from components.checkpoint import BACKBONE_NAME, CONFIG_NAME, MODEL_NAME
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
    """Algorithm 1's hyperparameters, the data to use and how to spread the work.

    `hybrid` is trained with these values, `prompted` with those under `prompted` laid over them.
    """

    models: tuple[Literal["hybrid", "prompted"], ...] = Field(min_length=1)
    prompted: dict[str, JsonValue] = Field(default_factory=dict)
    from_sweep: bool = False
    scenarios: tuple[str, ...] = Field(min_length=1)
    workers: int = Field(default=2, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"

    @model_validator(mode="after")
    def _both_models_are_valid(self) -> "PretrainConfig":
        if self.prompted:
            unknown = [name for name in self.prompted if name not in PretrainingConfig.model_fields]
            if unknown:
                raise ValueError(
                    f"prompted.{unknown[0]} is not a hyperparameter: check the spelling or remove it"
                )
        if paths.PROMPTED in self.models and not self.algorithm(paths.PROMPTED).goal_conditioned:
            raise ValueError(
                "prompted.utility_weight must be above 0: without it there is no prompt to learn"
            )
        return self

    def algorithm(self, model: str = paths.HYBRID) -> PretrainingConfig:
        """The part that the loop knows, for one of the models.

        Raises:
            ValidationError: a value under `prompted` is wrong.
        """
        values = {name: getattr(self, name) for name in PretrainingConfig.model_fields}
        plain = PretrainingConfig.model_validate(values).model_dump(mode="json")
        changes = self.prompted if model == paths.PROMPTED else {}
        return PretrainingConfig.model_validate_json(json.dumps(plain | changes))


SHOWN = ("validation_loss", "edge_rmse_db", "mean_predictor_rmse_db", "effective_rank")


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


def work_on(model: str) -> Callable[[Context[PretrainConfig]], Outcome]:
    """The stage's work for one model."""

    def work(context: Context[PretrainConfig]) -> Outcome:
        config = with_overrides(context.config, paths.overrides(context.config.from_sweep))
        if model not in config.models:
            raise UserError(f"model {model} is not listed in pretrain.models of params.yaml: add it")
        algorithm = config.algorithm(model)
        data = TrainingData(paths.DATA.resolve(), config.scenarios)
        check_data(config, data.folder)
        storage, started = (context.scratch / "ray").resolve(), time.monotonic()
        with session():
            check_cluster(config)
            with (
                Meter(context.console, f"pretrain@{model}", 1, "steps") as meter,
                LiveBoard(meter, context.run, _note) as board,
            ):
                trainer = make_trainer(
                    "pretrain", storage, algorithm, data, context.seed, config.workers,
                    config.threads_per_worker, config.accelerator == "gpu", board.actor,
                )  # fmt: skip
                result = trainer.fit()
            if result.checkpoint is None:
                raise UserError("pretrain ended without a checkpoint: see the messages above")
            with result.checkpoint.as_directory() as folder:
                outcome = _outcome(context, algorithm, model, Path(folder))
        speed = _speed_rows(board.metrics, time.monotonic() - started)
        return replace(outcome, rows=[*outcome.rows, *speed])

    return work


def _note(metrics: Metrics) -> str:
    return (
        f"epoch {metrics['epoch'] + 1:.0f}: edge RMSE {metrics['edge_rmse_db']:.2f} dB "
        f"(mean {metrics['mean_predictor_rmse_db']:.2f}), rank {metrics['effective_rank']:.0f}"
    )


def _outcome(
    context: Context[PretrainConfig], algorithm: PretrainingConfig, model: str, checkpoint: Path
) -> Outcome:
    state = json.loads((checkpoint / "state" / "state.json").read_text())
    history: list[Metrics] = state["history"]
    assert len(history) == algorithm.epochs, "Ray Train gave back a checkpoint that is not the newest"
    last, verdict = history[-1], health(algorithm, history[-1])
    made = context.scratch / "made"
    (made / "model").mkdir(parents=True, exist_ok=True)
    for path in checkpoint.iterdir():
        if path.name in (BACKBONE_NAME, MODEL_NAME, CONFIG_NAME):
            (made / "model" / path.name).write_bytes(path.read_bytes())
    kept = [name for name in last if name in SHOWN or name.startswith("advantage_")]
    summary = {name: round(last[name], 6) for name in kept} | {"verdict": verdict}
    summary["noise_floor_db"] = round(_noise_floor_db(context.config), 6)
    (made / "metrics.json").write_text(json_text(summary))
    (made / "history.csv").write_text(history_csv(history))
    outputs = {
        paths.pretrained(model): made / "model",
        paths.metrics(f"pretrain-{model}"): made / "metrics.json",
        paths.history(f"pretrain-{model}"): made / "history.csv",
    }
    context.run.tags({"verdict": verdict})
    return Outcome(outputs, [f"pre-training, {model}", "last epoch"], _rows(last, verdict))


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
        ["seconds for start-up, validation and checkpoints", f"{seconds - training:.0f} of {seconds:.0f}"],
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
        *(
            [f"{name.removeprefix('advantage_')}, advantage over full reuse", f"{value:.3f}"]
            for name, value in last.items()
            if name.startswith("advantage_")
        ),
        ["verdict", explained[verdict]],
    ]


def stage(model: str) -> Stage[PretrainConfig]:
    """The stage for one model."""
    name = f"pretrain-{model}"
    return Stage(
        "pretrain",
        PretrainConfig,
        work_on(model),
        inputs=lambda config: [paths.DATA, paths.overrides(config.from_sweep)],
        outputs=[paths.pretrained(model), paths.metrics(name), paths.history(name)],
        variant=model,
    )


def cli(model: Annotated[str, typer.Option(help="hybrid (Algorithm 1) or prompted.")] = paths.HYBRID) -> None:
    """Pre-train one of the models."""
    main(stage(model))


if __name__ == "__main__":
    typer.run(cli)
