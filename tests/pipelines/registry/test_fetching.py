"""Reading a registry needs no right to write to it, whatever its folder and its models are called."""

import os
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import runs
from tests.exported import export_once

NAME = "gfm-ra-sum-rate"
FOLDERS = [
    "o'brien",
    'a "quoted" one',
    "100% done",
    "two  blanks",
    "semi;colon",
    "für",
    "a#b",
    "a&b",
    "$HOME",
    'it\'s "both"',
    "a%20b?",
]


def register(count: int = 1) -> None:
    torch.manual_seed(0)
    model = PowerModel(BackboneConfig(layers=1, width=16, heads=4, bias_width=8))
    export_once(model, Path("model.onnx"))
    runs.connect()
    for _ in range(count):
        with runs.run("register", {}) as run:
            number = versions.add_version(
                run, NAME, pyfunc_program.PATH, {"graph": Path("model.onnx")}, ["mlflow"], {}
            )
    aliases.promote(NAME, number)


def contents(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_loading_and_fetching_leave_the_registry_as_it_is(workspace: Path) -> None:
    register()
    before = contents(workspace / "mlartifacts")
    assert versions.load(f"models:/{NAME}@champion")(np.zeros((1, 2, 2), np.float32)).shape == (1, 2)
    folder = versions.fetch(f"models:/{NAME}/1")
    assert workspace not in folder.parents
    versions.program(folder)
    assert contents(workspace / "mlartifacts") == before


def test_latest_is_the_newest_version_everywhere(workspace: Path) -> None:
    register(2)
    assert versions.find(NAME, "latest").number == "2"
    found = versions.version_of(f"models:/{NAME}/latest")
    assert found is not None
    assert found.number == "2"
    assert versions.load(f"models:/{NAME}/latest")(np.zeros((1, 2, 2), np.float32)).shape == (1, 2)


@pytest.mark.parametrize("name", ["o'brien", 'an "own" model', "both ' and \""])
def test_a_model_s_name_may_hold_quotes(name: str, workspace: Path) -> None:
    runs.connect()
    client = mlflow.MlflowClient()
    for each in (name, "other"):
        client.create_registered_model(each)
        client.create_model_version(each, source="s3://nowhere/model")
    assert [(version.name, version.number) for version in versions.versions(name)] == [(name, "1")]
    assert versions.find_version(name, "content") is None


@pytest.mark.parametrize("name", FOLDERS)
def test_a_project_s_folder_may_have_any_name(
    name: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workspace / name
    folder.mkdir()
    os.replace(workspace / "mlflow.db", folder / "mlflow.db")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    register()
    for label, where in (("here", folder), ("elsewhere", workspace)):
        monkeypatch.chdir(where)
        with runs.run(label, {}) as run:
            run.metrics({"seconds": 1.0})
    monkeypatch.chdir(folder)
    assert list(runs.newest_runs()) == ["here"]
    assert versions.load(f"models:/{NAME}@champion")(np.zeros((1, 2, 2), np.float32)).shape == (1, 2)


FRESH = """
from pathlib import Path
from pipelines.runtime import runs

runs.connect()
with runs.run("simulate", {}) as run:
    Path("note.txt").write_text("a note")
    run.artifact(Path("note.txt"))
    run.metrics({"seconds": 1.0})
runs.connect(create=False)
print(*runs.newest_runs())
"""


def test_a_registry_is_made_in_a_folder_of_any_name(tmp_path: Path, root: Path) -> None:
    folder = tmp_path / 'it\'s "both" a%20b?c#d'
    folder.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FRESH],
        cwd=folder, env=environment | {"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert answer.stdout == "simulate\n", answer.stderr
    assert [path.name for path in folder.glob("mlartifacts/**/note.txt")] == ["note.txt"]
    assert set(os.listdir(folder)) == {"mlflow.db", "mlflow.db.lock", "mlartifacts", "note.txt"}
