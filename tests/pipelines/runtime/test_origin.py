"""Laws of an experiment's copy: what must last belongs to the work tree that the experiment came from."""

import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
import yaml

from pipelines.runtime import runs
from pipelines.runtime.origin import lasting_folder
from tests.clone import ROOT, environment

# A stage of its own project that records a run and registers a model's name where the real code says.
STAGE = """
import mlflow
from pathlib import Path
from pipelines.runtime import runs
runs.connect()
with runs.run("stage", {}) as record:
    Path("note.txt").write_text(Path("params.yaml").read_text())
    record.artifact(Path("note.txt"))
client = mlflow.MlflowClient()
client.create_registered_model(f"model-{Path('params.yaml').read_text().split()[1]}")
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A work tree, and in it the copy that DVC would run an experiment in."""
    for place in (".dvc/tmp/exps/standalone/tmpab12/.dvc", ".dvc/tmp/exps/standalone/tmpab12/dags/sweep"):
        (tmp_path / place).mkdir(parents=True)
    return tmp_path / ".dvc/tmp/exps/standalone/tmpab12"


def test_a_folder_of_a_copy_means_the_same_folder_of_the_work_tree(copy: Path, tmp_path: Path) -> None:
    assert lasting_folder(copy) == tmp_path
    assert lasting_folder(copy / "dags/sweep") == tmp_path / "dags/sweep"


def test_elsewhere_a_folder_is_itself(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for folder in (tmp_path, tmp_path / "data", copy.parent):
        assert lasting_folder(folder) == folder


def test_of_nested_copies_the_outermost_work_tree_counts(copy: Path, tmp_path: Path) -> None:
    inner = copy / ".dvc/tmp/exps/tmpcd34"
    (inner / ".dvc").mkdir(parents=True)
    assert lasting_folder(inner) == tmp_path


@pytest.mark.parametrize(
    ("given", "place"),
    [(None, "mlflow.db"), ("sqlite:///mlflow.db", "mlflow.db"), ("sqlite:///kept/m.db", "kept/m.db")],
)
def test_a_relative_address_lies_in_the_work_tree(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, place: str
) -> None:
    monkeypatch.chdir(copy)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if given is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert runs.tracking_uri() == f"sqlite:///{tmp_path / place}"


@pytest.mark.parametrize("given", ["http://server:5000", "sqlite:////shared/mlflow.db"])
def test_any_other_address_stays(copy: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.chdir(copy)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert runs.tracking_uri() == given


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DVC project of one stage."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (folder / "stage.py").write_text(STAGE)
    (folder / "params.yaml").write_text("value: 0\n")
    command = f"{sys.executable} -W ignore stage.py"
    stages = {"work": {"cmd": command, "params": ["value"], "deps": ["stage.py"], "outs": ["note.txt"]}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    (folder / ".gitignore").write_text("mlflow.db*\nmlartifacts\n")
    ask(folder, "git", "init", "-q")
    ask(folder, "dvc", "init", "-q")
    ask(folder, "git", "add", "-A")
    ask(folder, "git", "commit", "-qm", "project")
    return folder


def ask(folder: Path, *command: str) -> None:
    """Run a command in the project, with the code of this repository."""
    author = {"GIT_AUTHOR_NAME": "test", "GIT_AUTHOR_EMAIL": "test@localhost"}
    author |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in author.items()}
    answer = subprocess.run(
        command, cwd=folder, env=environment(folder) | author | {"PYTHONPATH": str(ROOT)}, text=True, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert answer.returncode == 0, f"{' '.join(command)}\n{answer.stdout[-4000:]}"


@pytest.mark.slow
def test_experiments_in_copies_register_where_they_came_from(project: Path) -> None:
    ask(project, "dvc", "exp", "run", "--temp", "-S", "value=1")
    ask(project, "dvc", "exp", "run", "--queue", "-S", "value=2")
    ask(project, "dvc", "exp", "run", "--run-all")
    ask(project, "dvc", "exp", "run", "-S", "value=3")
    client = mlflow.MlflowClient(f"sqlite:///{project}/mlflow.db")
    assert [model.name for model in client.search_registered_models()] == ["model-1", "model-2", "model-3"]
    experiment = client.get_experiment_by_name(runs.EXPERIMENT)
    recorded = client.search_runs([experiment.experiment_id])
    assert len(recorded) == 3
    for record in recorded:
        assert record.info.artifact_uri.startswith((project / "mlartifacts").as_uri())
        assert (Path(record.info.artifact_uri.removeprefix("file://")) / "note.txt").is_file()
    assert not list(project.glob(".dvc/tmp/exps/**/mlflow.db"))
