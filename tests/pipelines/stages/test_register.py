"""Laws of registration: same content, same version; it becomes candidate, and the champion stays who it is."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from rich.console import Console

import gfm_ra
from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.export import export_onnx
from components.model.heads import PowerModel
from components.model.unrolled.single_draw import SingleDraw
from components.training.checkpoint import CONFIG_NAME, MODEL_NAME, ModelCard, load_power_model, save_model
from components.training.worlds.config import WorldsConfig
from components.training.worlds.folder import save_unrolled
from gfm_ra.goals import OBJECTIVES, AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.inference.network.unrolled import UnrolledNetwork as CompiledNetwork
from gfm_ra.inference.noise import noise
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import paths, runs
from pipelines.runtime.provenance import dvc_hash
from pipelines.runtime.stage import Context
from pipelines.stages import register
from pipelines.stages.register import STAGE, Candidate, RegisterConfig, model_name, register_one
from tests.exported import SMALL_UNROLLED, export_once, lively_unrolled

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
SUM_RATE = model_name("sum-rate")
# Biases of the head's last layer: with -9 everybody whispers, with +9 everybody shouts, which earns more.
WHISPER, SHOUT = -9.0, 9.0


def make_head(folder: Path, objective: str, bias: float, seed: int = 0) -> None:
    torch.manual_seed(seed)
    model = PowerModel(CONFIG)
    with torch.no_grad():
        model.head.mlp[2].bias.fill_(bias)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_model(folder, model, ModelCard(backbone=CONFIG, objective=objective), MODEL_NAME)


def make_prompted(folder: Path) -> SingleDraw:
    network = lively_unrolled()
    folder.mkdir(parents=True)
    save_unrolled(folder, network, WorldsConfig(network=SMALL_UNROLLED))
    return SingleDraw(network)


@pytest.fixture(scope="module", autouse=True)
def _graphs_are_kept() -> Iterator[None]:
    """Weights that were exported before, for whatever test, are not exported again."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(register, "export_onnx", export_once)
        yield


@pytest.fixture(scope="module")
def registry(module_workspace: Path, simulated: Path) -> Path:
    """A working folder with data and an empty registry; the tests below tell one story in order."""
    shutil.copytree(simulated, paths.DATA)
    runs.connect()
    return module_workspace


@pytest.fixture
def offer(registry: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """Register a sum-rate head with this bias; returns the summary row: name, version, new or known, ratio."""

    def offer_it(bias: float, seed: int = 0) -> list[str]:
        make_head(registry / paths.HEADS / "sum-rate", "sum-rate", bias, seed)
        config = RegisterConfig(scenarios=("near", "far"))
        with runs.run("register", {}) as run:
            context = Context(config, 1, "key", tmp_path, run, Console(file=io.StringIO()))
            return register_one(Candidate("sum-rate", paths.HEADS / "sum-rate"), context)[2]

    return offer_it


def pointing() -> dict[str, str | None]:
    return {alias: aliases.alias_version(SUM_RATE, alias) for alias in ("candidate", "champion", "previous")}


def gains_db(batch: int, links: int) -> np.ndarray:
    return np.random.default_rng(links).normal(15.0, 15.0, (batch, links, links)).astype(np.float32)


def test_the_first_version_is_candidate_and_nothing_is_champion(offer: Callable[..., list[str]]) -> None:
    _, version, content, ratio = offer(WHISPER)
    assert (version, content) == ("1", "new")
    assert 0.0 < float(ratio) < 1.01
    assert pointing() == {"candidate": "1", "champion": None, "previous": None}


def test_the_same_content_gives_the_same_version(
    offer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "export_onnx", export_onnx)  # exported anew
    assert offer(WHISPER)[1:3] == ["1", "known"]
    assert len(mlflow.MlflowClient().search_model_versions(f"name='{SUM_RATE}'")) == 1


def test_a_better_version_is_candidate_and_the_champion_stays(offer: Callable[..., list[str]]) -> None:
    aliases.promote(SUM_RATE, "1")
    assert offer(SHOUT)[1:3] == ["2", "new"]
    assert pointing() == {"candidate": "2", "champion": "1", "previous": None}


def test_what_is_known_already_is_candidate_again(offer: Callable[..., list[str]]) -> None:
    assert offer(WHISPER)[1:3] == ["1", "known"]
    assert pointing()["candidate"] == "1"
    assert offer(SHOUT)[1:3] == ["2", "known"]
    assert pointing() == {"candidate": "2", "champion": "1", "previous": None}


def test_a_newer_program_is_another_version(
    offer: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "pyfunc_model.py"
    newer.write_text(pyfunc_program.PATH.read_text() + "# newer\n")
    with monkeypatch.context() as patch:
        patch.setattr(pyfunc_program, "PATH", newer)
        assert offer(SHOUT)[1:3] == ["3", "new"]
    assert offer(SHOUT)[1:3] == ["2", "known"]


def test_a_version_says_where_it_comes_from(registry: Path, offer: Callable[..., list[str]]) -> None:
    offer(SHOUT)
    tags = versions.find(SUM_RATE, "candidate").tags
    assert tags["profile"] == "custom"
    assert tags["git_commit"] == runs.git_commit()
    assert tags["dvc_hash"] == dvc_hash(paths.HEADS / "sum-rate")


def test_a_version_of_an_older_program_is_given_what_it_lacks(
    registry: Path, offer: Callable[..., list[str]]
) -> None:
    client, number = mlflow.MlflowClient(), offer(SHOUT)[1]
    card = versions.find(SUM_RATE, number).card
    client.delete_model_version_tag(SUM_RATE, number, "dvc_hash")
    client.set_model_version_tag(SUM_RATE, number, "git_commit", "of the older program")
    assert offer(SHOUT)[1:3] == [number, "known"]
    found = versions.find(SUM_RATE, number)
    assert found.tags["dvc_hash"] == dvc_hash(paths.HEADS / "sum-rate")
    assert found.tags["git_commit"] == "of the older program"
    assert found.card == card


def test_the_candidate_by_alias_is_the_pytorch_model(registry: Path, tmp_path: Path) -> None:
    make_head(tmp_path / "head", "sum-rate", SHOUT)
    model, _ = load_power_model(tmp_path / "head")
    candidate = versions.load(f"models:/{SUM_RATE}@candidate")
    for batch, links in ((1, 1), (3, 7), (2, 30)):
        gain_db = gains_db(batch, links)
        with torch.no_grad():
            expected = model(torch.from_numpy(gain_db)).numpy()
        np.testing.assert_allclose(candidate(gain_db), expected, atol=1e-4)
    wide = gains_db(1, 4).astype(np.float64)[:, ::-1, ::-1]  # another type, another layout in memory
    with torch.no_grad():
        np.testing.assert_allclose(candidate(wide), model(torch.from_numpy(wide.copy()).float()), atol=1e-4)


def test_weights_for_further_fine_tuning_ride_along(registry: Path) -> None:
    version = mlflow.MlflowClient().get_model_version_by_alias(SUM_RATE, "candidate")
    folder = Path(mlflow.artifacts.download_artifacts(version.source)) / "artifacts" / "sum-rate"
    model, card = load_power_model(folder)
    assert card.objective == "sum-rate"
    assert model.head.mlp[2].bias.item() == SHOUT
    assert {path.name for path in folder.iterdir()} == {MODEL_NAME, CONFIG_NAME}


def test_the_signature_leaves_every_dimension_free_and_nothing_is_pickled(registry: Path) -> None:
    version = mlflow.MlflowClient().get_model_version_by_alias(SUM_RATE, "candidate")
    folder = Path(mlflow.artifacts.download_artifacts(version.source))
    signature = mlflow.models.Model.load(str(folder)).signature
    assert signature.inputs.inputs[0].shape == (-1, -1, -1)
    assert signature.outputs.inputs[0].shape == (-1, -1)
    assert {path.suffix for path in folder.rglob("*")} & {".pkl", ".pickle", ".pt", ".pth"} == set()
    assert version.tags["objective"] == "sum-rate"
    assert len(version.tags[versions.CONTENT_TAG]) == 64


@pytest.mark.parametrize(
    ("gain_db", "words"),
    [
        (np.full((1, 3, 3), np.nan, np.float32), "own gain must be known"),
        (np.full((1, 3, 3), -np.inf, np.float32), "holds infinity"),
        (np.full((1, 3, 3), 1e9, np.float32), "are these linear gains"),
        (np.zeros((1, 3, 4), np.float32), r"shape \[B, K, K\].*\[1, 3, 4\]"),
        (np.zeros((0, 3, 3), np.float32), r"B, K >= 1"),
    ],
    ids=["NaN", "infinity", "linear", "not square", "empty"],
)
def test_what_is_no_gain_matrix_is_refused(registry: Path, gain_db: np.ndarray, words: str) -> None:
    candidate = versions.load(f"models:/{SUM_RATE}@candidate")
    with pytest.raises(ValueError, match=words):
        candidate(gain_db)


@pytest.mark.parametrize("model_input", [np.array([[["a"]]]), np.zeros((3, 3), np.float32), "words"])
def test_what_is_no_array_of_numbers_is_refused(registry: Path, model_input: object) -> None:
    model = mlflow.pyfunc.load_model(f"models:/{SUM_RATE}@candidate")
    with pytest.raises(Exception, match=r"schema|must be numbers"):
        model.predict(model_input)


def test_a_model_that_is_not_there_is_one_line(registry: Path) -> None:
    with pytest.raises(versions.UserError, match="gfm-ra-none@candidate cannot be loaded") as caught:
        versions.load("models:/gfm-ra-none@candidate")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def prompted(registry: Path) -> SingleDraw:
    """The goal-conditioned model that is candidate of its name."""
    folder, scratch = paths.pretrained(paths.PROMPTED), registry / "scratch"
    model = make_prompted(folder)
    scratch.mkdir()
    config = RegisterConfig(scenarios=("near",))
    with runs.run("register", {}) as run:
        context = Context(config, 1, "key", scratch, run, Console(file=io.StringIO()))
        rows = [register_one(Candidate("prompted", folder), context)[2] for _ in range(2)]
    assert [row[2] for row in rows] == ["new", "known"]
    return model


@pytest.mark.parametrize(
    ("params", "objective"),
    [
        ({}, SumRate()),
        ({"goal": "proportional-fair"}, ProportionalFair()),
        ({"goal": "qos"}, QoS()),
        ({"goal": "qos", "min_rate": 0.7, "penalty": 3.0}, QoS(0.7, 3.0)),
        ({"goal": "alpha-fair", "alpha": 0.5}, AlphaFair(0.5)),
        ({"weights": [3.0, 1.0, 1.0, 0.5]}, Weighted(SumRate(), np.array([3.0, 1.0, 1.0, 0.5]))),
    ],
    ids=str,
)
def test_the_prompted_candidate_is_the_pytorch_model_under_every_goal(
    prompted: SingleDraw, params: dict, objective: Objective
) -> None:
    gain_db = gains_db(3, 4)
    power = versions.load("models:/gfm-ra-prompted@candidate")(gain_db, **params)
    with torch.no_grad():
        expected = prompted(torch.from_numpy(gain_db), goals_of(objective, 3, 4)).numpy()
    np.testing.assert_allclose(power, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"goal": "speed"}, "unknown"),
        ({"goal": "alpha-fair", "alpha": -1.0}, "alpha must be"),
        ({"goal": "alpha-fair", "alpha": 1e39}, "alpha must be a number from 0 to 10"),
        ({"goal": "qos", "penalty": float("nan")}, "penalty must be"),
        ({"weights": [1.0, 2.0]}, "weights must be 4 numbers"),
        ({"weights": [0.0, 0.0, 0.0, 0.0]}, "not all 0"),
    ],
)
def test_the_prompted_candidate_refuses_goals_that_mean_nothing(
    prompted: SingleDraw, params: dict, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        versions.load("models:/gfm-ra-prompted@candidate")(gains_db(1, 4), **params)


def test_the_prompted_candidate_takes_gains_that_are_unknown_in_one_direction(prompted: SingleDraw) -> None:
    gain_db = gains_db(3, 4)
    gain_db[:, 0, 2] = np.nan
    power = versions.load("models:/gfm-ra-prompted@candidate")(gain_db, goal="qos")
    known, hidden = torch.from_numpy(gain_db).nan_to_num(0.0), torch.from_numpy(np.isnan(gain_db))
    with torch.no_grad():
        expected = prompted(known, goals_of(QoS(), 3, 4), hidden).numpy()
    np.testing.assert_allclose(power, expected, atol=1e-4)


def test_the_prompted_candidate_knows_what_it_was_trained_on_and_keeps_its_signature(
    prompted: SingleDraw, caplog: pytest.LogCaptureFixture
) -> None:
    candidate, number = "models:/gfm-ra-prompted@candidate", versions.find("gfm-ra-prompted", "candidate")
    predict, gain_db = versions.load(candidate), gains_db(1, 4)
    for alpha, beyond in ((4.5, False), (6.0, True)):
        caplog.clear()
        predict(gain_db, goal="alpha-fair", alpha=alpha)
        assert ("extrapolated" in caplog.text) == beyond
    assert number.tags["training_scenarios"].startswith("pretrain: randomised worlds (home, pairs")
    signature = mlflow.models.Model.load(str(versions.fetch(candidate))).signature
    assert signature.inputs.inputs[0].shape == (-1, -1, -1)
    assert signature.outputs.inputs[0].shape == (-1, -1)
    names = [param.name for param in signature.params.params]
    assert names == ["goal", "alpha", "min_rate", "penalty", "weights"]


def test_the_package_loads_the_prompted_candidate_into_the_compiled_core(
    prompted: SingleDraw, tmp_path: Path
) -> None:
    allocator = gfm_ra.load("models:/gfm-ra-prompted@candidate")
    assert isinstance(allocator.network, CompiledNetwork)
    assert allocator.envelope["alpha"] == (0.0, 5.0)
    gain_db = gains_db(3, 4)
    gain_db[:, 0, 2] = np.nan  # what is unknown ends in no iterations
    found = allocator.allocate(gain_db=gain_db, goal="qos", effort="fast").power
    expected = versions.load("models:/gfm-ra-prompted@candidate")(gain_db, goal="qos")
    np.testing.assert_allclose(found, expected, atol=1e-4)
    folder = versions.fetch("models:/gfm-ra-prompted@candidate", tmp_path / "copy")
    weights = folder / "artifacts" / "prompted" / "network.npz"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(gfm_ra.InputError, match=r"network\.npz is damaged"):
        gfm_ra.load(folder)


def test_the_program_draws_the_package_s_noise() -> None:
    drawn = pyfunc_program.PATH.read_text().partition("def first_draw")[2].partition("def goal_parameters")[0]
    scope: dict = {"np": np, "NOISE_SEED": 0}
    exec("def first_draw" + drawn, scope)
    np.testing.assert_array_equal(scope["first_draw"](17), noise(0, 1, 17))


def test_weights_of_any_magnitude_mean_their_ratios(prompted: SingleDraw) -> None:
    candidate, gain_db = versions.load("models:/gfm-ra-prompted@candidate"), gains_db(1, 4)
    expected = candidate(gain_db, weights=[4.0, 1.0, 1.0, 2.0])
    for scale in (1e-50, 1e39):
        power = candidate(gain_db, weights=[4.0 * scale, scale, scale, 2.0 * scale])
        np.testing.assert_allclose(power, expected, atol=1e-5)


def test_a_registration_that_was_interrupted_is_made_again(
    registry: Path, offer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the tracker has gone")

    before = len(versions.versions(SUM_RATE))
    with monkeypatch.context() as patch:
        patch.setattr(versions, "describe", fail)
        with pytest.raises(OSError, match="has gone"):
            offer(SHOUT, seed=7)
    offer(SHOUT, seed=7)
    made = versions.versions(SUM_RATE)[before:]
    assert [bool(version.card) for version in made] == [False, True]


def test_the_stage_registers_every_objective_and_writes_what_no_registry_decides(
    workspace: Path, simulated: Path, run_stage: Callable[..., str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    for objective in OBJECTIVES:
        make_head(paths.HEADS / objective, objective, SHOUT)
    make_prompted(paths.pretrained(paths.PROMPTED))
    run_stage(STAGE)
    every = {model_name(kind) for kind in (*OBJECTIVES, "prompted")}
    assert set(aliases.names_with("candidate")) == every
    assert aliases.names_with("champion") == []
    written = json.loads(paths.REGISTER.read_text())
    assert set(written) == every
    # No version numbers: another registry counts differently.
    assert {key for entry in written.values() for key in entry} == {"content_sha256"}
