"""Laws of the command line: gains in, powers out, and one line for whatever a person got wrong."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from components.backbone import BackboneConfig
from components.export import export_onnx
from components.goals import goals_of
from components.heads import PowerModel
from components.objectives import Objective, QoS, SumRate
from components.prompted import ConditioningConfig, PromptedModel
from pipelines import cli, served_program, tracking
from pipelines.errors import UserError
from pipelines.register import PARAMETERS

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
ONE_GOAL = "models:/gfm-ra-sum-rate@champion"


def register(model: PowerModel | PromptedModel, name: str, parameters: dict | None) -> None:
    export_onnx(model, Path(f"{name}.onnx"))
    tracking.connect()
    with tracking.run("register", {}) as run:
        graph = {"graph": Path(f"{name}.onnx")}
        version = tracking.add_version(
            run, name, served_program.PATH, graph, ["mlflow"], {"objective": "some"}, parameters
        )
    tracking.promote(name, version)


@pytest.fixture(scope="module")
def prompted(module_workspace: Path) -> PromptedModel:
    """The champion of a registry that also holds a model for one goal."""
    torch.manual_seed(0)
    register(PowerModel(CONFIG), "gfm-ra-sum-rate", None)
    model = PromptedModel(CONFIG, ConditioningConfig()).eval()
    register(model, "gfm-ra-prompted", PARAMETERS)
    return model


@pytest.fixture
def gain(tmp_path: Path) -> np.ndarray:
    gain = np.random.default_rng(0).exponential(10.0, (3, 5, 5)).astype(np.float32)
    np.save(tmp_path / "gain.npy", gain)
    np.save(tmp_path / "gain_db.npy", 10.0 * np.log10(gain[0]))
    return gain


def ask(*words: str | Path) -> str:
    """What a command prints; an expected error comes through."""
    answer = CliRunner().invoke(cli.app, [str(word) for word in words])
    if answer.exception is not None:
        raise answer.exception
    return answer.output


def expected(model: PromptedModel, gain: np.ndarray, objective: Objective) -> np.ndarray:
    with torch.no_grad():
        gain_db = torch.from_numpy(10.0 * np.log10(gain))
        return model(gain_db, goals_of(objective, *gain.shape[:2])).numpy()


def test_powers_are_those_of_the_prompted_champion(
    prompted: PromptedModel, gain: np.ndarray, tmp_path: Path
) -> None:
    ask("allocate", tmp_path / "gain.npy", tmp_path / "power.npy")
    np.testing.assert_allclose(
        np.load(tmp_path / "power.npy"), expected(prompted, gain, SumRate()), atol=1e-4
    )
    goal = ("--goal", "qos", "--min-rate", "0.7", "--penalty", "4")
    ask("allocate", tmp_path / "gain_db.npy", tmp_path / "power.npy", "--db", *goal)
    np.testing.assert_allclose(
        np.load(tmp_path / "power.npy"), expected(prompted, gain[:1], QoS(0.7, 4.0))[0], atol=1e-4
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("missing.npy",), "missing.npy is missing"),
        (("gain_db.npy",), "say --db"),
        (("gain.npy", "--alpha", "2"), "--alpha belongs to --goal alpha-fair"),
        (("gain.npy", "--goal", "qos", "--alpha", "2"), "--alpha belongs to --goal alpha-fair"),
        (("gain.npy", "--goal", "speed"), "unknown"),
        (("gain.npy", "--goal", "qos", "--model", ONE_GOAL), "takes no parameters"),
        (("gain.npy", "--model", "models:/nothing@champion"), "cannot be loaded"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(
    prompted: PromptedModel, gain: np.ndarray, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    first, *rest = words
    with pytest.raises(UserError, match=said):
        ask("allocate", tmp_path / first, tmp_path / "power.npy", *rest)
    assert not (tmp_path / "power.npy").exists()


def test_models_lists_the_champions(prompted: PromptedModel) -> None:
    listed = ask("models")
    assert "gfm-ra-prompted" in listed
    assert "gfm-ra-sum-rate" in listed
