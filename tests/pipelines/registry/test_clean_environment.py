"""The law of a registered model: an environment with only what the model names is enough, built here from nothing."""

import json
import os
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.export import export_onnx
from components.model.prompted import ConditioningConfig, PromptedModel
from gfm_ra.goals import SumRate
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.stages.register import PARAMETERS, RUNTIMES

pytestmark = pytest.mark.slow

CLIENT = """
import json, pickle, sys
import numpy as np
import mlflow
import mlflow.pyfunc

def forbidden(*arguments, **named):
    raise AssertionError("a pickle was read")

import cloudpickle
pickle.load = pickle.loads = cloudpickle.load = cloudpickle.loads = forbidden
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/gfm-ra-sum-rate@champion")
gains = np.load(sys.argv[2])
np.savez(sys.argv[3], **{name: model.predict(gains[name]) for name in gains})
bad = {
    "shape": np.zeros((1, 2, 3), np.float32), "vector": np.zeros(3, np.float32),
    "empty": np.zeros((0, 2, 2), np.float32),
    "NaN": np.full((1, 2, 2), np.nan, np.float32), "infinity": np.full((1, 2, 2), np.inf, np.float32),
    "text": np.full((1, 2, 2), "x"), "objects": np.full((1, 2, 2), None),
}
refused = {}
for name, value in bad.items():
    try:
        model.predict(value)
    except Exception as error:
        refused[name] = str(error)
from importlib.util import find_spec
absent = [name for name in ("torch", "ray", "components", "pipelines", "dags") if find_spec(name) is None]
print(json.dumps({"refused": refused, "absent": absent}))
"""


@pytest.fixture(scope="module")
def model() -> PromptedModel:
    torch.manual_seed(0)
    return PromptedModel(
        BackboneConfig(layers=1, width=16, heads=4, bias_width=8), ConditioningConfig()
    ).eval()


@pytest.fixture(scope="module")
def registry(module_workspace: Path, model: PromptedModel) -> Path:
    from importlib.metadata import version

    export_onnx(model, Path("model.onnx"))
    runs.connect()
    wanted = [f"{name}=={version(name)}" for name in RUNTIMES]
    with runs.run("register", {}) as run:
        number = versions.add_version(
            run, "gfm-ra-sum-rate", pyfunc_program.PATH, {"graph": Path("model.onnx")}, wanted, {}, PARAMETERS
        )
    aliases.promote("gfm-ra-sum-rate", number)
    return module_workspace


def test_only_what_the_model_names_is_needed(registry: Path, model: PromptedModel, tmp_path: Path) -> None:
    needed = versions.fetch("models:/gfm-ra-sum-rate@champion") / "requirements.txt"
    assert {line.split("==")[0] for line in needed.read_text().split()} == set(RUNTIMES)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(needed)]
    subprocess.run(pip, check=True, cwd=tmp_path, env=variables, timeout=900)
    random = np.random.default_rng(0)
    gains = {
        f"{batch}x{links}": random.normal(10.0, 15.0, (batch, links, links)).astype(np.float32)
        for batch, links in ((1, 1), (3, 7), (64, 20), (2, 120))
    }
    np.savez(tmp_path / "gains.npz", **gains)
    client = [python, "-I", "-W", "ignore", "-c", CLIENT, f"sqlite:///{registry}/mlflow.db"]
    answer = subprocess.run(
        [*client, str(tmp_path / "gains.npz"), str(tmp_path / "powers.npz")],
        cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout.splitlines()[-1])
    assert told["absent"] == ["torch", "ray", "components", "pipelines", "dags"]
    powers = np.load(tmp_path / "powers.npz")
    for name, gain_db in gains.items():
        with torch.no_grad():
            expected = model(torch.from_numpy(gain_db), goals_of(SumRate(), *gain_db.shape[:2])).numpy()
        np.testing.assert_allclose(powers[name], expected, atol=1e-4)
    refused = told["refused"]
    assert set(refused) == {"shape", "vector", "empty", "NaN", "infinity", "text", "objects"}
    assert "shape [B, K, K]" in refused["shape"]
    assert "own gain must be known" in refused["NaN"]
    assert "holds infinity" in refused["infinity"]
