"""Unknown gains in registered models: NaN is taken beside the diagonal, by the rule that `gfm_ra` has."""

import warnings
from collections.abc import Callable
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pytest

import gfm_ra
from components.model.conditioning import GoalEnvelope
from components.training.checkpoint import MODEL_NAME, ModelCard, save_model
from gfm_ra.goals import GoalName
from gfm_ra.inference import names
from pipelines.registry import pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.stages import register
from tests.exported import export_once, lively_prompted

NAME, OLDER = "gfm-ra-test-unknown", "gfm-ra-test-every-gain"
Ask = Callable[..., np.ndarray]


def with_unknown(batch: int, links: int, part: float, seed: int = 0) -> np.ndarray:
    """Gains in dB of which about a part is NaN, none of the links' own."""
    random = np.random.default_rng(seed)
    gain_db = random.normal(10.0, 15.0, (batch, links, links))
    gain_db[(random.random(gain_db.shape) < part) & ~np.eye(links, dtype=bool)] = np.nan
    return gain_db.astype(np.float32)


@pytest.fixture(scope="module")
def registry(module_workspace: Path) -> Path:
    """A registry with a model for any goal, and the same with a graph that says nothing of unknown gains."""
    made, weights = lively_prompted(), Path("prompted")
    weights.mkdir()
    given = made.backbone
    card = ModelCard(backbone=given.config, conditioning=given.conditioning, goals=GoalEnvelope())
    save_model(weights, made, card, MODEL_NAME)
    export_once(made, Path("prompted.onnx"))
    older = onnx.load("prompted.onnx")
    del older.metadata_props[:]
    onnx.save(older, "older.onnx")
    runs.connect()
    for name, graph in ((NAME, "prompted.onnx"), (OLDER, "older.onnx")):
        files = {"graph": Path(graph), "weights": weights}
        with runs.run("register", {}) as run:
            versions.add_version(run, name, pyfunc_program.PATH, files, ["mlflow"], {}, register.PARAMETERS)
    return module_workspace


def loaded(name: str) -> Ask:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice to describe the input by type hints
        model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    return lambda gain_db, **params: model.predict(gain_db, params=params or None)


@pytest.fixture(scope="module")
def ask(registry: Path) -> Ask:
    """MLflow's own way to ask the model."""
    return loaded(NAME)


@pytest.mark.parametrize("part", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("goal", ["sum-rate", "proportional-fair", "qos"])
def test_its_powers_are_those_of_gfm_ra(ask: Ask, part: float, goal: GoalName) -> None:
    allocator = gfm_ra.load(f"models:/{NAME}/1")
    for batch, links in ((1, 1), (2, 3), (5, 12)):
        gain_db = with_unknown(batch, links, part)
        expected = allocator.allocate(gain_db=gain_db, goal=goal, effort="fast")
        power = ask(gain_db, goal=goal)
        assert set(expected.source) <= {"model", "model, unchecked"}
        np.testing.assert_allclose(power, expected.power, atol=1e-4)
        np.testing.assert_allclose(ask({"gain_db": gain_db}, goal=goal), power, atol=1e-6)


def test_unknown_is_another_answer_than_no_gain(ask: Ask) -> None:
    gain_db = with_unknown(8, 6, 0.5)
    assert np.isnan(gain_db).any((1, 2)).all()
    assert np.abs(ask(gain_db) - ask(np.nan_to_num(gain_db, nan=-100.0))).max() > 1e-3


def test_networks_whose_gains_are_known_do_not_see_the_others(ask: Ask) -> None:
    gain_db = np.concatenate([with_unknown(3, 6, 0.0), with_unknown(3, 6, 0.5, seed=1)])
    np.testing.assert_allclose(ask(gain_db)[:3], ask(gain_db[:3]), atol=1e-6)


def test_a_link_s_own_gain_must_be_known(ask: Ask) -> None:
    gain_db = with_unknown(3, 4, 0.3)
    gain_db[1, 2, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"link 2 itself is NaN \(unknown\) in network 1: .* must be known"
    ) as no:
        ask(gain_db)
    assert "\n" not in str(no.value)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 201.0, -201.0])
def test_what_is_no_gain_is_refused_beside_unknown_ones_too(ask: Ask, value: float) -> None:
    gain_db = with_unknown(3, 4, 0.3)
    gain_db[0, 0, 0] = value
    with pytest.raises(ValueError, match="holds infinity" if np.isinf(value) else "201 dB, beyond"):
        ask(gain_db)


def test_a_graph_that_does_not_take_unknown_gains_says_so(registry: Path) -> None:
    older = loaded(OLDER)
    with pytest.raises(ValueError, match="this model needs every gain") as no:
        older(with_unknown(2, 4, 0.5))
    assert "\n" not in str(no.value)
    assert older(with_unknown(2, 4, 0.0)).shape == (2, 4)


def test_the_program_s_copy_of_the_key_is_the_exporter_s() -> None:
    assert f'TAKES_UNKNOWN = "{names.TAKES_UNKNOWN}"' in pyfunc_program.PATH.read_text()
