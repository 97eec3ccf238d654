"""Stage sweep: Ray Tune over mask ratio, lambda and model size; every trial is a Ray Train run of its own."""

import itertools
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import ray
import torch
from pydantic import Field, ValidationError, model_validator
from ray import tune
from ray.tune import Tuner
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from components.backbone import BackboneConfig
from components.checkpoint import model_from_backbone
from components.config import Strict
from components.fewshot import FewShotConfig, few_shot_ratio
from components.pretraining import PretrainingConfig
from components.shards import Manifest, json_text, load_split, write_table
from pipelines import paths, sweep_plots, tracking
from pipelines.cluster import cpus, gpus, session
from pipelines.errors import UserError, describe_validation
from pipelines.progress import Meter
from pipelines.stage import Context, Outcome, Stage, main
from pipelines.training import TrainingData, make_trainer

SCORE = "few_shot_ratio"
# A trial's driver only waits for its trainer: a CPU of its own would starve that trainer on a small machine.
DRIVER_RESOURCES = {"cpu": 0, "memory": 50e6}


class Grid(Strict):
    """The values to cross; lists of one keep a parameter fixed."""

    mask_ratio: tuple[float, ...] = Field(min_length=1)
    consistency_weight: tuple[float, ...] = Field(min_length=1)
    backbone: tuple[BackboneConfig, ...] = Field(min_length=1)


class SweepConfig(Strict):
    """The grid, what every trial shares, and the downstream trial that ranks them."""

    grid: Grid
    base: PretrainingConfig
    scenarios: tuple[str, ...] = Field(min_length=1)
    train_rows: int = Field(ge=1)
    val_rows: int = Field(ge=1)
    few_shot: FewShotConfig = FewShotConfig()
    workers_per_trial: int = Field(default=1, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"

    @model_validator(mode="after")
    def _every_trial_is_valid(self) -> "SweepConfig":
        for choice in self.choices():
            try:
                self.trial(choice)
            except ValidationError as error:
                raise ValueError(describe_validation(error, "grid")) from None
        return self

    def choices(self) -> list[dict[str, Any]]:
        """Every point of the grid as overrides of the pre-training parameters."""
        names = list(Grid.model_fields)
        values = self.grid.model_dump(mode="json")
        return [
            dict(zip(names, point, strict=True)) for point in itertools.product(*(values[n] for n in names))
        ]

    def trial(self, choice: dict[str, Any]) -> PretrainingConfig:
        """The pre-training parameters of one trial."""
        return PretrainingConfig.model_validate_json(json.dumps(self.base.model_dump(mode="json") | choice))


def judge(config: FewShotConfig, backbone: Path, data: Path, threads: int, seed: int) -> float:
    """The downstream score of one backbone (runs as a Ray task that holds its CPUs)."""
    torch.set_num_threads(threads)
    manifest = Manifest.load(data)
    train = load_split(data, manifest, config.scenario, "train", config.shots)
    val = load_split(data, manifest, config.scenario, "val", config.val_rows)
    return few_shot_ratio(model_from_backbone(backbone, seed), train, val, config, seed)


def run_trial(parameters: dict[str, Any]) -> None:
    """One trial: pre-train with its own trainer, then judge the backbone downstream."""
    config = SweepConfig.model_validate_json(parameters["config"])
    algorithm = config.trial(parameters["choice"])
    data = TrainingData(parameters["data"], config.scenarios, config.train_rows, config.val_rows)
    name = tune.get_context().get_trial_id()
    trainer = make_trainer(
        name, parameters["storage"], algorithm, data, parameters["seed"], config.workers_per_trial,
        config.threads_per_worker, use_gpu=config.accelerator == "gpu",
    )  # fmt: skip
    result = trainer.fit()
    if result.checkpoint is None:
        raise RuntimeError("the trial's training ended without a checkpoint")
    # Outside the trial's own placement group, which holds no CPU.
    anywhere = PlacementGroupSchedulingStrategy(placement_group=None)  # type: ignore[arg-type]
    task = ray.remote(judge).options(num_cpus=config.threads_per_worker, scheduling_strategy=anywhere)
    with result.checkpoint.as_directory() as folder:
        score = ray.get(
            task.remote(
                config.few_shot,
                Path(folder),
                parameters["data"],
                config.threads_per_worker,
                parameters["seed"],
            )
        )
        history = json.loads((Path(folder) / "state" / "state.json").read_text())["history"]
    tune.report({SCORE: score, "history": json.dumps(history), **history[-1]})


@contextmanager
def watch(folder: Path, meter: Meter) -> Iterator[None]:
    """Count the trials that ended, from the files that Tune leaves, so that a restored sweep counts as well."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(1.0):
            ended = {
                path.parent for name in ("result.json", "error.txt") for path in folder.glob(f"*/{name}")
            }
            meter.update(sum(1 for trial in ended if _has_content(trial)))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _has_content(trial: Path) -> bool:
    return any(
        path.stat().st_size > 0 for path in (trial / "result.json", trial / "error.txt") if path.is_file()
    )


def check(config: SweepConfig, data: Path) -> None:
    """Refuse what cannot work before the first trial starts.

    Raises:
        UserError: a trial needs more CPUs than the cluster has.
        DataError: the data set lacks a scenario or snapshots.
    """
    if _slots(config) < 1:
        raise UserError(
            f"one trial needs {config.workers_per_trial} workers of {config.threads_per_worker} threads "
            f"({config.accelerator}), but the cluster has {cpus()} CPUs and {gpus()} GPUs: "
            "lower them in the sweep section or join a larger cluster with RAY_ADDRESS"
        )
    manifest = Manifest.load(data)
    for name in config.scenarios:
        load_split(data, manifest, name, "train", config.train_rows)
        load_split(data, manifest, name, "val", config.val_rows)
    load_split(data, manifest, config.few_shot.scenario, "train", config.few_shot.shots)
    load_split(data, manifest, config.few_shot.scenario, "val", config.few_shot.val_rows)


def _slots(config: SweepConfig) -> int:
    """How many trials can train at the same time."""
    if config.accelerator == "gpu":
        return gpus() // config.workers_per_trial
    return cpus() // (config.workers_per_trial * config.threads_per_worker)


def make_tuner(context: Context[SweepConfig], storage: Path) -> Tuner:
    """A new tuner, or the interrupted one with its finished trials."""
    trainable = tune.with_resources(run_trial, DRIVER_RESOURCES)
    if Tuner.can_restore(str(storage / "sweep")):
        # Trials that were running or failed start again; each resumes from its own trainer's checkpoint.
        return Tuner.restore(
            str(storage / "sweep"),
            trainable,
            resume_unfinished=True,
            resume_errored=True,
            restart_errored=False,
        )
    space = {
        "choice": tune.grid_search(context.config.choices()),
        "config": context.config.model_dump_json(),
        "data": paths.DATA.resolve(),
        "storage": (context.scratch / "trials").resolve(),
        "seed": context.seed,
    }
    return Tuner(
        trainable,
        param_space=space,
        tune_config=tune.TuneConfig(
            metric=SCORE,
            mode="max",
            # One more than fit at a time: it starts up while the others train.
            max_concurrent_trials=_slots(context.config) + 1,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(name="sweep", storage_path=str(storage), verbose=0),
    )


def work(context: Context[SweepConfig]) -> Outcome:
    """Run every trial, write the table, the best choice and the plots."""
    choices = context.config.choices()
    with session(dashboard=True), Meter(context.console, "sweep", len(choices), "trials") as meter:
        check(context.config, paths.DATA)
        storage = (context.scratch / "tune").resolve()
        # Failed trials are in the table and in MLflow; Tune's own tracebacks would bury both.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        with watch(storage / "sweep", meter):
            results = make_tuner(context, storage).fit()
    records = []
    for result in results:
        choice = (result.config or {})["choice"]
        metrics = result.metrics or {}
        history = json.loads(metrics.get("history", "[]"))
        failed = result.error is not None or SCORE not in metrics
        records.append({"choice": choice, "score": None if failed else metrics[SCORE], "history": history})
        _log_trial(context, records[-1], str(result.error or ""))
    records.sort(key=lambda record: choices.index(record["choice"]))
    return _outcome(context, records)


def _log_trial(context: Context[SweepConfig], record: dict[str, Any], error: str) -> None:
    name = ", ".join(
        f"{key}={value}" for key, value in tracking.flatten(record["choice"]).items() if "scaling" not in key
    )
    with tracking.run(
        name[:200], record["choice"], parent=context.run.run_id, failed=record["score"] is None
    ) as run:
        for row in record["history"]:
            run.metrics({key: value for key, value in row.items() if key != "epoch"}, step=int(row["epoch"]))
        if record["score"] is None:
            run.tags({"error": error[:5000]})
        else:
            run.metrics({SCORE: record["score"]})


def _outcome(context: Context[SweepConfig], records: Sequence[dict[str, Any]]) -> Outcome:
    finished = [record for record in records if record["score"] is not None]
    if not finished:
        raise UserError(
            "no trial of the sweep finished: the trials' errors are in MLflow, in the runs below this one"
        )
    best = max(finished, key=lambda record: record["score"])
    made = context.scratch / "made"
    (made / "sweep").mkdir(parents=True, exist_ok=True)
    table = trials_table(records)
    write_table(made / "sweep" / "trials.parquet", table)
    (made / "sweep" / "best.json").write_text(json_text(best["choice"]))
    (made / "true.json").write_text(json_text(best["choice"]))
    sweep_plots.draw(table, made / "sweep")
    summary = {"failed_trials": len(records) - len(finished), "best_few_shot_ratio": round(best["score"], 6)}
    (made / "metrics.json").write_text(json_text(summary))
    outputs = {
        paths.SWEEP: made / "sweep",
        paths.overrides(True): made / "true.json",
        paths.metrics("sweep"): made / "metrics.json",
    }
    rows = [
        [
            f"{row['mask_ratio']:g}",
            f"{row['consistency_weight']:g}",
            f"{row['layers']} x {row['width']}",
            _show(row),
            "best" if record is best else "",
        ]
        for row, record in zip(table.to_pylist(), records, strict=True)
    ]
    columns = ["rho", "lambda", "layers x width", f"{context.config.few_shot.shots}-shot ratio", ""]
    return Outcome(outputs, columns, rows, {"best_few_shot_ratio": best["score"]})


def trials_table(records: Sequence[dict[str, Any]]) -> pa.Table:
    """One row per trial: its parameters, its score and the last epoch's signs of life."""
    rows = []
    for record in records:
        choice, last = record["choice"], (record["history"] or [{}])[-1]
        rows.append(
            {
                "mask_ratio": choice["mask_ratio"],
                "consistency_weight": choice["consistency_weight"],
                **{name: choice["backbone"][name] for name in ("layers", "width", "heads")},
                SCORE: record["score"],
                "edge_rmse_db": last.get("edge_rmse_db"),
                "effective_rank": last.get("effective_rank"),
            }
        )
    return pa.Table.from_pylist(rows)


def _show(row: dict[str, Any]) -> str:
    return "failed" if row[SCORE] is None else f"{row[SCORE]:.4f}"


STAGE = Stage(
    "sweep",
    SweepConfig,
    work,
    inputs=lambda _: [paths.DATA],
    outputs=[paths.SWEEP, paths.overrides(True), paths.metrics("sweep")],
)

if __name__ == "__main__":
    main(STAGE)
