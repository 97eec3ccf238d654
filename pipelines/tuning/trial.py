"""One trial of the sweep: Ray Train runs of its own, segment by segment, and what their result is worth downstream."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ray import train, tune
from ray.train import Checkpoint, FailureConfig, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchTrainer

from gfm_ra.errors import UserError
from pipelines.cluster.session import worker_resources
from pipelines.tuning.config import SweepConfig
from pipelines.tuning.worker import Segment, TrialError, epochs_done, work_on

# A trial's driver only waits for its trainer: a CPU of its own would starve that trainer on a small machine.
DRIVER_RESOURCES = {"cpu": 0, "memory": 50e6}
# What Tune compares; whatever failed is worse than everything else. A number, since searchers refuse NaN.
SCORE, FAILED = "score", -1e9
# A worker that dies (node lost, killed for memory) is replaced so often; an exception of the training code is final.
MAX_LOST_WORKERS = 3
ENVIRONMENT = {
    # Trials wait for CPUs as long as others use them.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "864000",
    # One process less per trial; a node that goes is noticed when it is gone.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",
}


def ended_segment(name: str, storage: str, until: int) -> train.Result | None:
    """The result of a segment that an earlier life of the sweep brought to its end: no worker has to be started."""
    try:
        result = train.Result.from_path(f"{storage}/{name}")
    except RuntimeError:  # there is no such run yet
        return None
    return result if result.metrics is not None and result.metrics["epoch"] + 1 >= until else None


def run_segment(name: str, storage: str, config: SweepConfig, segment: Segment) -> train.Result:
    """Run one segment; lost workers are replaced and go on from the last epoch.

    Raises:
        TrialError: the training code raised, or workers were lost too often.
    """
    resources = worker_resources(config.accelerator, config.threads_per_worker)
    for attempt in range(MAX_LOST_WORKERS + 1):
        trainer = TorchTrainer(
            work_on,
            train_loop_config={"segment": segment},
            scaling_config=ScalingConfig(
                num_workers=config.workers_per_trial,
                use_gpu=config.accelerator == "gpu",
                resources_per_worker=resources,
            ),
            run_config=RunConfig(
                name=name,
                storage_path=storage,
                failure_config=FailureConfig(max_failures=0),
                checkpoint_config=train.CheckpointConfig(num_to_keep=1),
            ),
        )
        try:
            return trainer.fit()
        except WorkerGroupError as error:
            causes = list(error.worker_failures.values()) or [error]
            lost = [cause for cause in causes if type(cause).__module__.startswith("ray.")]
            # A lost worker takes its neighbours with it: theirs are errors of the training code only in name.
            if not lost or attempt == MAX_LOST_WORKERS:
                raise TrialError(describe((lost or causes)[0])) from None
    raise AssertionError("unreachable")


def describe(error: BaseException) -> str:
    """An error in one line of bounded length."""
    text = " ".join(str(error).split())
    return (text if isinstance(error, TrialError | UserError) else f"{type(error).__name__}: {text}")[:500]


def run_trial(parameters: dict[str, Any]) -> None:
    """Ray Tune's function: train, evaluate and report, segment by segment.

    A trial that fails reports so and ends in peace: Tune starts again only what the machine has taken away.
    """
    os.environ.update(ENVIRONMENT)
    try:
        for metrics, checkpoint in _segments(parameters):
            with checkpoint.as_directory() as folder:
                state = json.loads((Path(folder) / "state" / "state.json").read_text())
                metrics["history"] = json.dumps(state["history"])
                kept = tune.Checkpoint.from_directory(folder) if parameters["keep"] else None
                tune.report(metrics, checkpoint=kept)
    except TrialError as error:
        tune.report({SCORE: FAILED, "epochs": 0, "error": describe(error)})


def _segments(parameters: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Checkpoint]]:
    """Metrics and checkpoint of every segment that is still to be trained."""
    config = SweepConfig.model_validate_json(parameters["config"])
    trial, given = tune.get_context().get_trial_id(), tune.get_checkpoint()
    done, start, before = 0, None, ""
    if given is not None:
        start = Checkpoint(given.path, given.filesystem)
        before = _digest(start)
        with start.as_directory() as folder:
            done = epochs_done(Path(folder) / "state")
    seconds = 0.0
    for until in config.segments():
        if until <= done:
            continue
        segment = Segment(
            config.trial(parameters["choice"]), config.few_shot, config.scenarios,
            {"train": config.train_rows, "val": config.val_rows}, config.threads_per_worker,
            Path(parameters["data"]), parameters["seed"], parameters["reference"], until, start,
        )  # fmt: skip
        # Named after all that decides it: a trial that Tune has changed must not resume what it was before.
        origin = f"{parameters['choice']} {before}"
        name = f"{trial}-{until}-{hashlib.sha256(origin.encode()).hexdigest()[:8]}"
        storage = parameters["storage"]
        result = ended_segment(name, storage, until) or run_segment(name, storage, config, segment)
        if result.checkpoint is None or result.metrics is None:
            raise TrialError("the trial's training ended without a checkpoint")
        seconds += result.metrics["training_seconds"]
        start, before = result.checkpoint, _digest(result.checkpoint)
        found = {name: value for name, value in result.metrics.items() if isinstance(value, float)}
        found |= {SCORE: found[config.rank_by], "training_seconds": seconds}
        yield found | {"epochs": until, "node": result.metrics["node"]}, result.checkpoint


def _digest(checkpoint: Checkpoint) -> str:
    """What a checkpoint holds, whoever copied it: Train's own and Tune's copy lie at different paths."""
    with checkpoint.as_directory() as folder:
        return hashlib.sha256((Path(folder) / "state" / "state.json").read_bytes()).hexdigest()[:8]
