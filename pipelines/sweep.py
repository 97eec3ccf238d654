"""Stage sweep: Ray Tune over mask ratio, lambda and model size; every trial is a Ray Train run of its own."""

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from ray import tune
from ray.tune import Tuner

from components.shards import Manifest, json_text, load_split, write_table
from pipelines import paths, sweep_plots, tracking
from pipelines.cluster import cpus, gpus, session
from pipelines.errors import UserError
from pipelines.progress import Meter
from pipelines.stage import Context, Outcome, Stage, main
from pipelines.sweep_trial import DRIVER_RESOURCES, SCORE, SweepConfig, run_trial


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
