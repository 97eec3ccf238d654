"""Laws of interruption: a killed sweep keeps its finished trials, and ends as if nothing had happened."""

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.runtime import paths
from pipelines.runtime.stage import RESUME

Tree = dict[str, Any]
RATIOS = [0.2, 0.3, 0.4, 0.5]
pytestmark = pytest.mark.slow


def logged() -> dict[str, str]:
    """Trials that have ended, with their MLflow runs."""
    for path in RESUME.glob("sweep/*/logged.json"):
        return json.loads(path.read_text())
    return {}


def written(trial: str) -> list[Path]:
    """What training a trial leaves on the storage."""
    return [path for path in RESUME.glob(f"sweep/*/tune/trials/{trial}-*/**/*") if path.is_file()]


def wait_for(program: Any, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert program.process.is_running(), program.output()
        assert time.monotonic() < deadline, program.output()
        program.family()
        time.sleep(0.2)


def test_a_killed_sweep_keeps_its_finished_trials(
    workspace: Path, simulated: Path, params: Tree, start: Callable[..., Any]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    params["sweep"]["space"]["mask_ratio"] = RATIOS
    # One after the other, so that some are left when the first has ended.
    params["sweep"]["concurrent_trials"] = 1
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    first = start("pipelines.stages.sweep", cpus=1)
    wait_for(first, lambda: len(logged()) >= 1)
    first.kill()
    finished = logged()
    assert 1 <= len(finished) < len(RATIOS)
    assert not paths.SWEEP.exists()
    before = {path: path.stat().st_mtime_ns for name in finished for path in written(name)}
    assert len(before) >= len(finished)

    second = start("pipelines.stages.sweep", cpus=1)
    wait_for(second, lambda: len(logged()) > len(finished))
    # Not trained again: nothing was written for them.
    assert {path: path.stat().st_mtime_ns for name in finished for path in written(name)} == before
    assert second.process.wait(240) == 0, second.output()
    rows = pq.read_table(paths.SWEEP / "trials.parquet").to_pylist()
    assert [row["mask_ratio"] for row in rows] == RATIOS
    assert [row["error"] for row in rows] == [None] * len(RATIOS)
    assert not list(RESUME.glob("sweep/*"))

    runs = mlflow.search_runs(experiment_names=["gfm-ra"], output_format="list")
    (parent,) = [run for run in runs if run.info.run_name == "sweep" and run.info.status == "FINISHED"]
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert [run.info.status for run in trials] == ["FINISHED"] * len(RATIOS)
    assert set(finished.values()) <= {run.info.run_id for run in trials}


def test_ctrl_c_leaves_no_result_and_the_next_run_goes_on(
    workspace: Path, simulated: Path, params: Tree, start: Callable[..., Any]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    params["sweep"]["space"]["mask_ratio"] = RATIOS[:2]
    params["sweep"]["concurrent_trials"] = 1
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    first = start("pipelines.stages.sweep", cpus=1)
    wait_for(first, lambda: len(logged()) >= 1)
    first.process.send_signal(signal.SIGINT)
    assert first.process.wait(60) == 130, first.output()
    assert "the same command goes on from here" in first.output()
    assert not paths.SWEEP.exists()
    second = start("pipelines.stages.sweep", cpus=1)
    assert second.process.wait(240) == 0, second.output()
    rows = pq.read_table(paths.SWEEP / "trials.parquet").to_pylist()
    assert [row["error"] for row in rows] == [None, None]
