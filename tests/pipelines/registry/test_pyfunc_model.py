"""Laws of a registered model: it needs mlflow, numpy and onnxruntime, and nothing of this repository."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.export import export_onnx
from components.model.heads import PowerModel
from gfm_ra.goals import LARGEST_ALPHA, AlphaFair, GoalName, QoS, SumRate
from gfm_ra.units import LARGEST_GAIN_DB
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import runs

NAME = "gfm-ra-test"
CLIENT = """
import json, sys
sys.path.remove(sys.argv[4])  # where an editable install finds this repository
import numpy as np
import mlflow
model = mlflow.pyfunc.load_model(f"models:/{sys.argv[1]}@champion")
power = model.predict({"gain_db": np.load(sys.argv[2])})
np.save(sys.argv[3], power)
refused = []
for bad in (np.full((1, 2, 2), np.nan), np.zeros((1, 2, 3)), np.full((1, 2, 2), 1e6)):
    try:
        model.predict(bad.astype(np.float32))
    except Exception as error:
        refused.append(str(error))
absent = ("gfm_ra", "components", "pipelines", "dags", "torch", "ray")
ours = [name for name in sys.modules if name.split(".")[0] in absent]
print(json.dumps({"refused": refused, "ours": ours, "path": sys.path}))
"""


@pytest.fixture(scope="module")
def model() -> PowerModel:
    torch.manual_seed(0)
    return PowerModel(BackboneConfig(layers=1, width=16, heads=4, bias_width=8)).eval()


@pytest.fixture(scope="module")
def registry(module_workspace: Path, model: PowerModel) -> Path:
    """A working folder whose registry holds the model as champion."""
    export_onnx(model, Path("model.onnx"))
    runs.connect()
    with runs.run("register", {}) as run:
        version = versions.add_version(
            run, NAME, pyfunc_program.PATH, {"graph": Path("model.onnx")}, ["mlflow"], {}
        )
    aliases.promote(NAME, version)
    return module_workspace


def expected(model: PowerModel, gain_db: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(gain_db)).numpy()


def test_it_runs_where_the_repository_is_not(
    registry: Path, model: PowerModel, tmp_path: Path, root: Path
) -> None:
    gain_db = np.random.default_rng(0).normal(15.0, 15.0, (4, 9, 9)).astype(np.float32)
    np.save(tmp_path / "gain.npy", gain_db)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    # -I: neither the working directory nor PYTHONPATH nor the user's packages are on the path.
    program = [sys.executable, "-I", "-W", "ignore", "-c", CLIENT, NAME]
    answer = subprocess.run(
        [*program, str(tmp_path / "gain.npy"), str(tmp_path / "power.npy"), str(root)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["ours"] == []
    assert str(root) not in told["path"]
    np.testing.assert_allclose(np.load(tmp_path / "power.npy"), expected(model, gain_db), atol=1e-4)
    not_a_number, not_square, linear = told["refused"]
    assert "NaN or infinity" in not_a_number
    assert "shape [B, K, K]" in not_square
    assert "are these linear gains" in linear


def test_the_graph_opens_the_same_way_without_a_registry(registry: Path, model: PowerModel) -> None:
    gain_db = np.random.default_rng(1).normal(15.0, 15.0, (2, 5, 5)).astype(np.float32)
    powers = pyfunc_program.open_graph(registry / "model.onnx")(gain_db)
    np.testing.assert_allclose(powers, expected(model, gain_db), atol=1e-4)


def test_the_program_imports_nothing_of_this_repository() -> None:
    text = pyfunc_program.PATH.read_text()
    assert "components" not in text
    assert "pipelines" not in text


def test_the_program_s_copies_of_goals_and_limits_are_those_of_the_project() -> None:
    # Read, not imported: importing it would announce a model to MLflow.
    copies = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(pyfunc_program.PATH.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert copies["GOALS"] == get_args(GoalName)
    assert copies["DEFAULTS"] == {
        "goal": SumRate.name, "alpha": AlphaFair().alpha, "min_rate": QoS().min_rate, "penalty": QoS().penalty,
    }  # fmt: skip
    assert copies["LARGEST"]["alpha"] == LARGEST_ALPHA
    assert copies["LIMIT_DB"] == LARGEST_GAIN_DB
