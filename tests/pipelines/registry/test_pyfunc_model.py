"""Laws of a registered model: it needs mlflow, numpy and onnxruntime, and nothing of this repository."""

import ast
import json
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import mlflow
import numpy as np
import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.conditioning import GoalDistribution, GoalEnvelope
from components.model.heads import PowerModel
from components.training.checkpoint import MODEL_NAME, ModelCard, save_model
from gfm_ra.goals import (
    LARGEST_ALPHA,
    LARGEST_MIN_RATE,
    LARGEST_PENALTY,
    AlphaFair,
    GoalName,
    QoS,
    SumRate,
)
from gfm_ra.units import LARGEST_GAIN_DB
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.stages import register
from tests.exported import export_once, lively_prompted

NAME, ANY = "gfm-ra-test", "gfm-ra-test-any"
FAIL_DB = -77.0
GAIN_DB = np.random.default_rng(3).normal(15.0, 15.0, (3, 4, 4)).astype(np.float32)
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
    export_once(model, Path("model.onnx"))
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
    assert "own gain must be known" in not_a_number
    assert "shape [B, K, K]" in not_square
    assert "are these linear gains" in linear


def test_the_graph_opens_the_same_way_without_a_registry(registry: Path, model: PowerModel) -> None:
    gain_db = np.random.default_rng(1).normal(15.0, 15.0, (2, 5, 5)).astype(np.float32)
    powers = pyfunc_program.open_graph(registry / "model.onnx")(gain_db)
    np.testing.assert_allclose(powers, expected(model, gain_db), atol=1e-4)


@pytest.mark.parametrize(("count", "links"), [(600, 2), (40, 400), (2, 1500)])
def test_a_graph_runs_in_batches_bounded_by_the_number_of_gains(
    monkeypatch: pytest.MonkeyPatch, count: int, links: int
) -> None:
    graph = Graph(0.5)
    monkeypatch.setattr(pyfunc_program, "open_session", lambda path: graph)
    power = pyfunc_program.open_graph(Path("any"))(np.zeros((count, links, links), np.float32))
    assert power.shape == (count, links)
    assert sum(graph.gains) == count * links**2
    assert max(graph.gains) <= max(2**21, links**2)
    assert max(graph.gains) <= 256 * links**2


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
    assert copies["LIMIT_DB"] == LARGEST_GAIN_DB
    assert copies["LARGEST"] == {
        "alpha": LARGEST_ALPHA, "min_rate": LARGEST_MIN_RATE, "penalty": LARGEST_PENALTY,
    }  # fmt: skip
    assert GoalEnvelope.model_validate(copies["ENVELOPE"]) == GoalEnvelope() == GoalDistribution().envelope()
    assert copies["UNSET"] == register.UNSET


# --- a model for any goal ---


@pytest.fixture(scope="module")
def any_goal(registry: Path) -> Path:
    """A folder with a registered model for any goal that was trained up to alpha = 1.5."""
    made, weights = lively_prompted(), Path("prompted")
    weights.mkdir()
    given = made.backbone
    card = ModelCard(
        backbone=given.config, conditioning=given.conditioning, goals=GoalEnvelope(max_alpha=1.5)
    )
    save_model(weights, made, card, MODEL_NAME)
    export_once(made, Path("prompted.onnx"))
    files = {"graph": Path("prompted.onnx"), "weights": weights}
    with runs.run("register", {}) as run:
        number = versions.add_version(
            run, ANY, pyfunc_program.PATH, files, ["mlflow"], {}, register.PARAMETERS
        )
    return versions.fetch(f"models:/{ANY}/{number}")


@pytest.fixture(scope="module")
def ask(any_goal: Path) -> Callable[..., np.ndarray]:
    """MLflow's own way to ask it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice to describe the input by type hints
        loaded = mlflow.pyfunc.load_model(str(any_goal))
    return lambda params=None, gain_db=GAIN_DB: loaded.predict(gain_db, params=params)


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"min_rate": 2.0}, "min_rate belongs to goal qos: give both or neither"),
        ({"penalty": 15.0}, "penalty belongs to goal qos"),  # also where it is what it would be anyway
        ({"alpha": 1.0}, "alpha belongs to goal alpha-fair"),
        ({"goal": "qos", "alpha": 2.0}, "alpha belongs to goal alpha-fair"),
        ({"goal": "alpha-fair", "min_rate": 0.3}, "min_rate belongs to goal qos"),
        ({"goal": "sum-rate", "penalty": 0.0}, "penalty belongs to goal qos"),
        ({"goal": "qos", "min_rate": -1.0}, "min_rate must be a number from 0 to 100"),
        ({"goal": "qos", "penalty": math.nan}, r"penalty must be a number from 0 to 1e\+06"),
        ({"goal": "alpha-fair", "alpha": math.inf}, "alpha must be a number from 0 to 10"),
        ({"goal": "max-min"}, "goal 'max-min' is unknown"),
        ({"goal": "energy-efficiency"}, "goal 'energy-efficiency' is unknown: choose one of sum-rate"),
        ({"weights": [1.0, 2.0]}, "weights must be 4 numbers"),
        ({"weights": [0.0, 0.0, 0.0, 0.0]}, "not all 0"),
        ({"weights": [1.0, -1.0, 1.0, 1.0]}, "not negative"),
        ({"weights": [1.0, math.inf, 1.0, 1.0]}, "finite"),
    ],
    ids=str,
)
def test_what_does_not_fit_the_goal_is_refused_through_mlflow(ask, params, problem) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        ask(params)
    assert "\n" not in str(refused.value)


def test_numbers_that_are_not_given_are_the_usual_ones(ask) -> None:
    np.testing.assert_array_equal(
        ask({"goal": "qos"}), ask({"goal": "qos", "min_rate": 0.3, "penalty": 15.0})
    )
    np.testing.assert_array_equal(ask({"goal": "alpha-fair"}), ask({"goal": "proportional-fair"}))
    np.testing.assert_array_equal(ask(), ask({"goal": "sum-rate"}))
    assert np.abs(ask({"goal": "qos", "min_rate": 0.9}) - ask({"goal": "qos"})).max() > 1e-6


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e-6, 1e12, 1e30, 1e300])
def test_a_common_factor_of_the_weights_changes_no_bit(ask, scale: float) -> None:
    weights = 2.0 ** np.arange(4)
    expected = ask({"goal": "qos", "weights": weights.tolist()})
    assert np.abs(expected - ask({"goal": "qos"})).max() > 1e-6
    np.testing.assert_array_equal(ask({"goal": "qos", "weights": (scale * weights).tolist()}), expected)


@pytest.mark.parametrize(
    ("params", "beyond"),
    [
        ({"goal": "alpha-fair", "alpha": 1.6}, "alpha 1.6 is above 1.5"),  # as the card says
        ({"goal": "qos", "min_rate": 2.0}, "min_rate 2 is outside 0.1 to 1"),
        ({"goal": "qos", "penalty": 31.0}, "penalty 31 is above 30"),
    ],
    ids=str,
)
def test_a_goal_beyond_the_trained_ones_is_said(ask, caplog, params, beyond) -> None:
    assert ask(params).shape == (3, 4)
    (said,) = [record.getMessage() for record in caplog.records if record.name == "gfm_ra"]
    assert said.startswith(f"extrapolated: {beyond}")
    caplog.clear()
    for within in (
        None,
        {"goal": "qos"},
        {"goal": "proportional-fair"},
        {"goal": "alpha-fair", "alpha": 1.5},
    ):
        ask(within)
    assert not [record for record in caplog.records if record.name == "gfm_ra"]


class Graph:
    """A graph whose powers are given, and which keeps how many gains it was given at once."""

    def __init__(self, value: float) -> None:
        self.value, self.gains = value, []

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="gain_db")]

    def run(self, _: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        self.gains.append(inputs["gain_db"].size)
        power = np.full(inputs["gain_db"].shape[:2], 0.5, np.float32)
        power[np.isclose(inputs["gain_db"][:, 0, 0], FAIL_DB)] = self.value
        return [power]


@pytest.fixture
def program(any_goal: Path):
    return versions.program(any_goal)


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.5, 1.5, 1e38])
def test_powers_that_are_none_are_refused(program, value: float) -> None:
    program._graph = Graph(value)
    gain_db = GAIN_DB.copy()
    gain_db[1, 0, 0] = FAIL_DB
    with pytest.raises(ValueError, match=r"not numbers in \[0, 1\] for 1 of 3 networks"):
        program.predict(None, gain_db)


@pytest.mark.parametrize(("count", "links"), [(600, 2), (40, 400), (2, 1500)])
def test_batches_are_bounded_by_the_number_of_gains(program, count: int, links: int) -> None:
    program._graph = graph = Graph(0.5)
    power = program.run({"gain_db": np.zeros((count, links, links), np.float32)})
    assert power.shape == (count, links)
    assert sum(graph.gains) == count * links**2
    assert max(graph.gains) <= max(2**21, links**2)
    assert max(graph.gains) <= 256 * links**2


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.float16, np.float64, ">f4", np.longdouble])
def test_gains_of_every_type_are_the_same_gains(program, kind) -> None:
    whole = np.round(GAIN_DB)
    np.testing.assert_array_equal(program.prepare(whole.astype(kind), {})["gain_db"], whole)


@pytest.mark.parametrize("value", [np.int64(-(2**63)), np.int16(201), np.float64(1e300)])
def test_numbers_that_are_no_decibels_are_refused_in_every_type(program, value) -> None:
    with pytest.raises(ValueError, match="beyond"):
        program.prepare(np.full((1, 2, 2), value), {})
