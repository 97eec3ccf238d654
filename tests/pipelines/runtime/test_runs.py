"""Laws of what speaks to MLflow: an address that cannot be used is one line, a run tells how it ended."""

import fcntl
from pathlib import Path

import mlflow
import pytest

from pipelines.runtime import runs
from pipelines.runtime.errors import UserError


def refusal() -> str:
    with pytest.raises(UserError) as caught:
        runs.connect()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:////proc/none/mlflow.db",
        "file:./mlruns",
        "nonsense://x",
        "postgresql://x/y",
        "http://127.0.0.1:9",
    ],
)
def test_an_address_that_cannot_be_used_is_one_line(
    workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    line = refusal()
    assert uri in line
    assert "mend MLFLOW_TRACKING_URI" in line


def test_a_damaged_database_is_one_line(workspace: Path) -> None:
    Path("mlflow.db").write_text("this is no database" * 100)
    line = refusal()
    assert line.startswith(f"{workspace}/mlflow.db is not a database of MLflow")
    assert "mend MLFLOW_TRACKING_URI" in line


def test_connecting_twice_finds_the_same_experiment(workspace: Path) -> None:
    runs.connect()
    first = mlflow.get_experiment_by_name(runs.EXPERIMENT)
    runs.connect()
    again = mlflow.get_experiment_by_name(runs.EXPERIMENT)
    assert first.experiment_id == again.experiment_id
    assert first.artifact_location == (workspace / "mlartifacts").as_uri()


def stored(run: runs.Run) -> mlflow.entities.Run:
    return mlflow.MlflowClient().get_run(run.run_id)


def test_a_run_tells_how_it_ended(workspace: Path) -> None:
    runs.connect()
    with runs.run("good", {}) as good:
        assert stored(good).info.status == "RUNNING"
    with runs.run("failed", {}, failed=True) as failed:
        pass
    with pytest.raises(ZeroDivisionError), runs.run("broken", {}) as broken:
        raise ZeroDivisionError
    assert [stored(run).info.status for run in (good, failed, broken)] == ["FINISHED", "FAILED", "FAILED"]


def test_a_run_keeps_parameters_metrics_tags_and_files(workspace: Path) -> None:
    runs.connect()
    with runs.run("parent", {}) as parent, runs.run("child", {"a": {"b": 1}}, parent.run_id) as child:
        child.metrics({"loss": 2.0}, step=0)
        child.metrics({"loss": 1.0}, step=1)
        child.tags({"status": "healthy"})
        child.artifact(Path("params.yaml"))
    kept = stored(child)
    assert kept.data.params == {"a.b": "1"}
    assert kept.data.metrics == {"loss": 1.0}
    assert kept.data.tags["status"] == "healthy"
    assert kept.data.tags["mlflow.parentRunId"] == parent.run_id
    history = mlflow.MlflowClient().get_metric_history(child.run_id, "loss")
    assert [(entry.step, entry.value) for entry in history] == [(0, 2.0), (1, 1.0)]
    assert [file.path for file in mlflow.MlflowClient().list_artifacts(child.run_id)] == ["params.yaml"]


def test_values_that_are_too_many_or_too_long_do_not_stop_a_run(workspace: Path) -> None:
    runs.connect()
    with runs.run("wide", {f"p{n}": "x" * 1000 for n in range(150)}) as run:
        pass
    assert 0 < len(stored(run).data.params) <= 150


def test_a_new_database_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What kill -9 leaves of one that is being made is in nobody's way."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / "mlflow.db.new-1").write_bytes(b"half a database")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(runs.os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.connect()
    assert not (tmp_path / "mlflow.db").exists()
    runs.connect()
    assert (tmp_path / "mlflow.db").stat().st_size > 100_000
    assert not list(tmp_path.glob("*.new-*"))


def test_a_lock_beside_the_database_lets_one_in_at_a_time(workspace: Path) -> None:
    with (
        runs.alone(runs.tracking_uri()),
        Path("mlflow.db.lock").open("w") as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with Path("mlflow.db.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
