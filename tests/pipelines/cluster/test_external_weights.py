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
    load_card,
    load_prompted_model,
    load_tensors,
    model_from_backbone,
    save_tensors,
)
from pipelines.cluster.external_weights import digest_of
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Stage
from pipelines.stages.pretrain import PretrainConfig, stage

Tree = dict[str, Any]
MODEL = paths.PROMPTED
KEPT = [BACKBONE_NAME, CONFIG_NAME, MODEL_NAME]


@pytest.fixture(scope="module")
def trained(module_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a machine without Ray, MLflow and DVC sends."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    algorithm = PretrainConfig.model_validate_json(json.dumps(params["pretrain"])).model(MODEL).algorithm()
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
    own = params["pretrain"][MODEL] | {"weights": weights} | changes
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
    for name in (BACKBONE_NAME, MODEL_NAME):
        tensors = load_tensors(folder / name)
        save_tensors(folder / name, {key: value.half() for key, value in tensors.items()})
    run(params, run_stage, folder, digest(folder))
    made = paths.pretrained(MODEL)
    head = model_from_backbone(made, seed=1)
    assert all(value.dtype == torch.float32 for value in head.parameters())
    for name, value in head.backbone.state_dict().items():
        assert torch.allclose(value, exact[name], rtol=1e-3, atol=1e-6)
    assert load_prompted_model(made).backbone.config == load_card(made).backbone


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
