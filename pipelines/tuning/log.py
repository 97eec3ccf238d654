"""Every trial of a sweep as an MLflow run below the stage's own, logged once, whatever interrupts the sweep."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ray import tune

from pipelines.runtime import runs
from pipelines.runtime.progress import Meter
from pipelines.tuning.space import decoded
from pipelines.tuning.trial import FAILED, SCORE

# What a trial leaves behind: its choice and its last report.
Ended = Callable[[str, dict[str, Any], dict[str, Any]], None]


class TrialCallback(tune.Callback):
    """From Tune to whoever listens in this process; it holds nothing, so that Tune can store it with the sweep."""

    listener: ClassVar[Ended | None] = None

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ANN401
        """A trial ended, with or without a score; one that was lost may be repeated, and is logged at the end."""
        if TrialCallback.listener is not None:
            TrialCallback.listener(trial.trial_id, trial.config["choice"], trial.last_result or {})


class TrialLog:
    """Counts ended trials and logs each to MLflow; which ones are logged survives in a file."""

    def __init__(self, path: Path, parent: runs.Run, meter: Meter) -> None:
        self._path, self._parent, self._meter, self._lock = path, parent, meter, threading.Lock()
        self._logged: dict[str, str] = {}  # trial -> MLflow run
        if path.is_file():
            self._adopt(json.loads(path.read_text()))
        meter.update(len(self._logged))

    def _adopt(self, logged: dict[str, str]) -> None:
        """Hang the runs of an interrupted sweep below the new one."""
        for trial, run in logged.items():
            try:
                runs.Run(run).tags({"mlflow.parentRunId": self._parent.run_id})
                self._logged[trial] = run
            # MLflow's, its database's or the network's: then the run is not there, and is logged again.
            except Exception:
                continue

    def ended(self, trial: str, choice: dict[str, Any], result: dict[str, Any], error: str = "") -> None:
        """Log a trial, unless that has been done."""
        with self._lock:
            if trial in self._logged:
                return
            self._logged[trial] = self._log(trial, decoded(choice), result, result.get("error", error))
            partial = self._path.with_name(f".{self._path.name}.partial")
            partial.write_text(json.dumps(self._logged))
            os.replace(partial, self._path)
            self._meter.update(len(self._logged))

    def ended_live(self, trial: str, choice: dict[str, Any], result: dict[str, Any]) -> None:
        """The same while the sweep runs: a tracker that is away for a while must not end it."""
        try:
            self.ended(trial, choice, result)
        # Whatever it was, the end of the sweep tries again.
        except Exception:
            return

    def _log(self, trial: str, choice: dict[str, Any], result: dict[str, Any], error: str) -> str:
        failed = score_of(result) is None
        with runs.run(_name(choice), choice, parent=self._parent.run_id, failed=failed) as run:
            # The node tells a cluster's slow or dying machine from a bad choice.
            known = {"trial": trial, "node": result.get("node", ""), "error": error[:5000] if failed else ""}
            run.tags({name: value for name, value in known.items() if value})
            for row in json.loads(result.get("history", "[]")):
                run.metrics({key: value for key, value in row.items() if key != "epoch"}, int(row["epoch"]))
            if not failed:
                run.metrics(scores_of(result) | {"training_seconds": result.get("training_seconds", 0.0)})
            return run.run_id


def _name(choice: dict[str, Any]) -> str:
    """What a trial is called: what varies, and of a backbone its size."""
    plain = {name: f"{value:g}" for name, value in choice.items() if name != "backbone"}
    size = {name: choice["backbone"][name] for name in ("layers", "width", "heads") if "backbone" in choice}
    return ", ".join(f"{name}={value}" for name, value in (plain | size).items())


def score_of(result: dict[str, Any]) -> float | None:
    """What the trial is ranked by, or None if it failed."""
    score = result.get(SCORE, FAILED)
    return None if score == FAILED or "error" in result else score


def scores_of(result: dict[str, Any]) -> dict[str, float]:
    """Every downstream ratio, by name."""
    return {name: value for name, value in result.items() if "_ratio" in name and isinstance(value, float)}
