"""Stage sweep: Ray Tune over mask ratio, lambda, mu, learning rate and size; what counts is worth downstream."""

import functools
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune import Tuner
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    PopulationBasedTraining,
    TrialScheduler,
)
from ray.tune.search import ConcurrencyLimiter

from components.data.shards import Manifest, load_split
from components.evaluation.reference_score import reference_score
from pipelines.cluster.room import Need
from pipelines.cluster.session import workers_that_fit
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.tuning.config import SweepConfig
from pipelines.tuning.log import TrialCallback, TrialLog
from pipelines.tuning.results import Record, outcome
from pipelines.tuning.space import Range, decoded
from pipelines.tuning.trial import DRIVER_RESOURCES, MAX_LOST_WORKERS, SCORE, run_trial


def need_of(config: SweepConfig) -> Need:
    """The workers of one trial."""
    remedy = (
        "lower them in the sweep section, say by sweep.concurrent_trials that it grows on demand and for how many "
        "trials, or "
    )
    return Need(
        "one trial of sweep", config.workers_per_trial, config.accelerator, config.threads_per_worker, remedy
    )


def check(config: SweepConfig, data: Path) -> None:
    """Refuse what cannot work before the first trial starts.

    Raises:
        DataError: the data set lacks a scenario or snapshots.
    """
    manifest = Manifest.load(data)
    for name in config.scenarios:
        load_split(data, manifest, name, "train", config.train_rows)
        load_split(data, manifest, name, "val", config.val_rows)
    load_split(data, manifest, config.few_shot.scenario, "train", config.few_shot.most_shots)
    load_split(data, manifest, config.few_shot.scenario, "val", config.few_shot.val_rows)


def slots(config: SweepConfig) -> int:
    """How many trials train at the same time."""
    return config.concurrent_trials or fitting(config)


def fitting(config: SweepConfig) -> int:
    """How many trials the cluster has room for now; a worker's threads are on one node."""
    return workers_that_fit(config.accelerator, config.threads_per_worker) // config.workers_per_trial


def make_tuner(context: Context[SweepConfig], storage: str, reference: float) -> Tuner:
    """A new tuner, or the interrupted one with its finished trials."""
    trainable = tune.with_resources(run_trial, DRIVER_RESOURCES)
    if Tuner.can_restore(f"{storage}/sweep"):
        # Trials that were running or lost start again; each resumes from its own trainer's checkpoint.
        return Tuner.restore(
            f"{storage}/sweep",
            trainable,
            resume_unfinished=True,
            resume_errored=True,
            restart_errored=False,
        )
    config, choices = context.config, context.config.choices(context.seed)
    space: dict[str, Any] = {
        "choice": config.space.domains() if choices is None else tune.grid_search(choices),
        "config": config.model_dump_json(),
        "data": str(paths.DATA.resolve()),  # as text: a restored sweep turns paths into tuples
        "storage": f"{storage}/trials",
        "seed": context.seed,
        "reference": reference,
        "keep": config.scheduler.kind != "fifo",
    }
    return Tuner(
        trainable,
        param_space=space,
        tune_config=_tune_config(config, context.seed),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=storage,
            verbose=0,
            callbacks=[TrialCallback()],
            failure_config=tune.FailureConfig(max_failures=MAX_LOST_WORKERS),
            # A population may still need what its best had a while ago.
            checkpoint_config=tune.CheckpointConfig(num_to_keep=4),
        ),
    )


def _tune_config(config: SweepConfig, seed: int) -> tune.TuneConfig:
    # One more than fit at a time: it starts up while the others train. A population has to be there as a whole.
    at_once = None if config.scheduler.kind == "pbt" else slots(config) + 1
    searcher = None
    if config.search.kind == "tpe":
        import optuna
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(10, config.search.trials // 2))
        searcher = ConcurrencyLimiter(OptunaSearch(sampler=sampler), max_concurrent=slots(config))
        at_once = None
    return tune.TuneConfig(
        metric=SCORE,
        mode="max",
        search_alg=searcher,
        scheduler=_scheduler(config),
        num_samples=config.search.trials if config.search.kind == "tpe" else 1,
        max_concurrent_trials=at_once,
        reuse_actors=True,  # a new process per trial would import everything again
        trial_dirname_creator=lambda trial: trial.trial_id,
    )


def _scheduler(config: SweepConfig) -> TrialScheduler:
    settings, last = config.scheduler, config.base.epochs
    if settings.kind == "asha":
        return AsyncHyperBandScheduler(
            time_attr="epochs", max_t=last, grace_period=min(settings.grace, last),
            reduction_factor=settings.reduction,
        )  # fmt: skip
    if settings.kind == "pbt":
        ranges = {name: values for name, values in config.space.varied().items() if isinstance(values, Range)}
        return PopulationBasedTraining(
            time_attr="epochs", perturbation_interval=settings.every,
            hyperparam_mutations={"choice": config.space.mutations()},
            quantile_fraction=settings.quantile, custom_explore_fn=functools.partial(within, ranges),
        )  # fmt: skip
    return FIFOScheduler()


def within(ranges: Mapping[str, Range], parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters that were multiplied, back inside their ranges."""
    choice = parameters["choice"]
    limited = {name: min(max(choice[name], limits.low), limits.high) for name, limits in ranges.items()}
    return parameters | {"choice": choice | limited}


def storage_of(context: Context[SweepConfig]) -> str:
    """Where the sweep keeps its state and its trials' checkpoints, under a name that the same sweep finds again."""
    where = context.config.storage
    if where is None:
        return str((context.scratch / "tune").resolve())
    base = where.rstrip("/") if "://" in where else str(Path(where).resolve())
    return f"{base}/{context.key}"


def work(context: Context[SweepConfig]) -> Outcome:
    """Run every trial, write the table, the best choice and the plots."""
    storage, may_grow = storage_of(context), context.config.concurrent_trials is not None
    seen = [paths.DATA.resolve()]
    if "://" not in storage:
        Path(storage).mkdir(parents=True, exist_ok=True)
        seen.append(Path(storage))
    with (
        workers(
            need_of(context.config), seen, dashboard=True, grows=may_grow and "RAY_ADDRESS" in os.environ
        ),
        Meter(context.console, "sweep", context.config.trials(), "trials") as meter,
    ):
        check(context.config, paths.DATA)
        few = context.config.few_shot
        val = load_split(paths.DATA, Manifest.load(paths.DATA), few.scenario, "val", few.val_rows)
        reference = reference_score(val, few, context.seed)
        # Failed trials are in the table and in MLflow; Tune's own tracebacks would bury both.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        log = TrialLog(context.scratch / "logged.json", context.run, meter)
        TrialCallback.listener, slots_there = log.ended_live, slots(context.config)
        try:
            results = make_tuner(context, storage, reference).fit()
        finally:
            TrialCallback.listener = None
    found: dict[str, Record] = {}
    for result in results:
        metrics, config = result.metrics or {}, result.config or {}
        error = "" if result.error is None else " ".join(str(result.error).split())[:500]
        trial = str(metrics.get("trial_id") or Path(result.path).name)
        log.ended(trial, config["choice"], metrics, error)
        found[trial] = Record(decoded(config["choice"]), metrics, error)
    # Tune numbers the trials of a grid and random ones in order; a searcher's names are random, so choices decide.
    searched = context.config.choices(context.seed) is None
    records = sorted(found.values(), key=_by_choice) if searched else [found[name] for name in sorted(found)]
    ended = outcome(context, records)
    if context.config.scheduler.kind == "fifo":
        return replace(ended, metrics=dict(ended.metrics) | overhead(records, slots_there))
    return ended


def _by_choice(record: Record) -> str:
    return json.dumps(record.choice, sort_keys=True)


def overhead(records: Sequence[Record], slots: int) -> dict[str, float]:
    """Mean seconds from the end of a trial's training to the start of the next one's in the same slot, if any."""
    times = [(record.result["started_s"], record.result["ended_s"]) for record in records if record.score]
    starts, ends = sorted(start for start, _ in times), sorted(end for _, end in times)
    gaps = [start - end for start, end in zip(starts[slots:], ends, strict=False)]
    return {"overhead_seconds_per_trial": sum(gaps) / len(gaps)} if gaps else {}


STAGE = Stage(
    "sweep",
    SweepConfig,
    work,
    inputs=lambda _: [paths.DATA],
    outputs=[paths.SWEEP, paths.overrides(True), paths.metrics("sweep")],
)

if __name__ == "__main__":
    main(STAGE)
