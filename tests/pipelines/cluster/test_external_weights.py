"""Weights that were trained without Ray take the place of training in the chain, if they are those that are meant."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from components.data.shards import DataError
from components.training import __main__ as train
from components.training.checkpoint import (
    BACKBONE_NAME,
    CONFIG_NAME,
    HISTORY_NAME,
    MODEL_NAME,
    load_tensors,
    model_from_backbone,
    save_tensors,
)
from components.training.worlds import __main__ as worlds
from components.training.worlds.folder import load_unrolled
from pipelines.cluster.external_weights import digest_of
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Stage
from pipelines.stages.pretrain import PretrainConfig, stage

Tree = dict[str, Any]
MODEL = paths.HYBRID
KEPT = [BACKBONE_NAME, CONFIG_NAME]


@pytest.fixture(scope="module")
def trained(module_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a machine without Ray, MLflow and DVC sends."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    algorithm = PretrainConfig.model_validate_json(json.dumps(params["pretrain"])).of_hybrid().algorithm()
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "config.json").write_text(algorithm.model_dump_json())
    words = ["--simulate", "16", "--scenarios", "D1", "--device", "cpu", "--out", str(folder / "run")]
    train.main([*words, "--config", str(folder / "config.json")])
    return folder / "run" / "backbone"


@pytest.fixture
def folder(workspace: Path, simulated: Path, trained: Path) -> Path:
    shutil.copytree(simulated, paths.DATA)
    return Path(shutil.copytree(trained, workspace / "weights"))


def run(params: Tree, run_stage: Callable[[Stage], str], folder: Path, sha256: str, **changes: Any) -> str:
    weights = {"folder": str(folder), "sha256": sha256}
    own = params["pretrain"].get(MODEL, {}) | {"weights": weights} | changes
    values = params | {"pretrain": params["pretrain"] | {MODEL: own}}
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return run_stage(stage(MODEL))


def digest(folder: Path) -> str:
    return digest_of(folder, [*KEPT, HISTORY_NAME])


def test_they_become_the_stages_outputs(
    folder: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    assert "trained elsewhere" in run(params, run_stage, folder, digest(folder))
    made = paths.pretrained(MODEL)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {
        name: (folder / name).read_bytes() for name in KEPT
    }
    history = json.loads((folder / HISTORY_NAME).read_text())
    metrics = json.loads(paths.metrics(f"pretrain-{MODEL}").read_text())
    assert metrics["validation_loss"] == pytest.approx(history[-1]["validation_loss"], abs=1e-5)
    assert len(paths.history(f"pretrain-{MODEL}").read_text().splitlines()) == 1 + len(history)


def test_half_precision_is_enough_to_go_on_from(
    folder: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    exact = load_tensors(folder / BACKBONE_NAME)
    save_tensors(folder / BACKBONE_NAME, {key: value.half() for key, value in exact.items()})
    run(params, run_stage, folder, digest(folder))
    made = paths.pretrained(MODEL)
    head = model_from_backbone(made, seed=1)
    assert all(value.dtype == torch.float32 for value in head.parameters())
    for name, value in head.backbone.state_dict().items():
        assert torch.allclose(value, exact[name], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("given", ["", "0" * 64])
def test_other_content_is_refused_and_its_digest_told(
    given: str, folder: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    with pytest.raises(UserError, match=digest(folder)):
        run(params, run_stage, folder, given)
    assert not paths.pretrained(MODEL).exists()


def test_another_architecture_is_refused(
    folder: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    other = params["pretrain"]["common"]["backbone"] | {"layers": 3}
    with pytest.raises(UserError, match="architecture"):
        run(params, run_stage, folder, digest(folder), backbone=other)


@pytest.mark.parametrize("name", [BACKBONE_NAME, HISTORY_NAME, CONFIG_NAME])
def test_missing_files_are_named(
    name: str, folder: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    expected = digest(folder)
    (folder / name).unlink()
    with pytest.raises(DataError, match=name):
        run(params, run_stage, folder, expected)


@pytest.fixture(scope="module")
def unrolled(module_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the training for any world leaves on such a machine."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    algorithm = PretrainConfig.model_validate_json(json.dumps(params["pretrain"])).of_prompted().algorithm()
    folder = tmp_path_factory.mktemp("worlds")
    (folder / "config.json").write_text(algorithm.model_dump_json())
    worlds.main(["--config", str(folder / "config.json"), "--device", "cpu", "--out", str(folder / "run")])
    return folder / "run" / "model"


def run_prompted(
    params: Tree, run_stage: Callable[[Stage], str], folder: Path, sha256: str, **changes: Any
) -> str:
    own = params["pretrain"]["prompted"] | {"weights": {"folder": str(folder), "sha256": sha256}} | changes
    values = params | {"pretrain": params["pretrain"] | {"prompted": own}}
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    return run_stage(stage(paths.PROMPTED))


@pytest.fixture
def elsewhere(workspace: Path, simulated: Path, unrolled: Path) -> Path:
    shutil.copytree(simulated, paths.DATA)
    return Path(shutil.copytree(unrolled, workspace / "weights"))


def test_an_unrolled_network_becomes_the_prompted_model(
    elsewhere: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    expected = digest_of(elsewhere, [CONFIG_NAME, MODEL_NAME, HISTORY_NAME])
    assert "trained elsewhere" in run_prompted(params, run_stage, elsewhere, expected)
    made = load_unrolled(paths.pretrained(paths.PROMPTED)).state_dict()
    assert all(torch.equal(value, made[name]) for name, value in load_tensors(elsewhere / MODEL_NAME).items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"goals": {"max_alpha": 3.0}}, "goals .* is not that of section pretrain"),
     ({"network": {"width": 9}}, "network .* is not that of section pretrain"),
     ({}, "has the digest")],
)  # fmt: skip
def test_an_unrolled_network_of_another_kind_is_refused(
    elsewhere: Path, params: Tree, run_stage: Callable[[Stage], str], changes: Tree, said: str
) -> None:
    with pytest.raises(UserError, match=said):
        run_prompted(params, run_stage, elsewhere, "0" * 64, **changes)
    assert not paths.pretrained(paths.PROMPTED).exists()


@pytest.mark.parametrize("name", [MODEL_NAME, HISTORY_NAME, CONFIG_NAME])
def test_missing_files_of_an_unrolled_network_are_named(
    elsewhere: Path, params: Tree, run_stage: Callable[[Stage], str], name: str
) -> None:
    (elsewhere / name).unlink()
    with pytest.raises(DataError, match=name):
        run_prompted(params, run_stage, elsewhere, "0" * 64)
