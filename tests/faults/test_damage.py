"""Truncated, bit-flipped, foreign or missing: every file that a stage or a user reads is named, never used."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from components.data.shards import DataError, Manifest, ScenarioEntry, load_split, read_json, write_shard
from components.evaluation.references import read_references, reference_solvers, write_references
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.training.checkpoint import (
    BACKBONE_NAME,
    CONFIG_NAME,
    MODEL_NAME,
    ModelCard,
    TrainingState,
    load_power_model,
    load_prompted_model,
    load_training,
    model_from_backbone,
    save_model,
    save_training,
)
from pipelines.registry import pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.runtime.errors import UserError
from tests.exported import export_once

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
OTHER = BackboneConfig(layers=2, width=8, heads=2, bias_width=8)
Damage = Callable[[Path, Path], object]


def truncated(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path, _: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def foreign(path: Path, stranger: Path) -> None:
    shutil.copy(stranger, path)


def missing(path: Path, _: Path) -> None:
    path.unlink()


DAMAGES = (truncated, emptied, flipped, foreign, missing)
named = pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)


def gains(seed: int, links: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).exponential(10.0, (6, links, links)).astype(np.float32)


def data(folder: Path, seed: int) -> Path:
    """A data set of one shard, in the folder that is returned."""
    folder.mkdir()
    shard = write_shard(folder / "world-test-0.parquet", gains(seed), {})
    entry = ScenarioEntry(parameters={"links": 4}, splits={"test": (shard,)})
    Manifest(seed=seed, scenarios={"world": entry}).save(folder)
    return folder


@named
def test_shards(tmp_path: Path, damage: Damage) -> None:
    folder, other = data(tmp_path / "a", 1), data(tmp_path / "b", 2)
    manifest = Manifest.load(folder)
    name = manifest.entry("world").splits["test"][0].file
    damage(folder / name, other / name)
    with pytest.raises(DataError, match=name):
        load_split(folder, manifest, "world", "test")


@named
def test_references(tmp_path: Path, damage: Damage) -> None:
    paths = [tmp_path / name for name in ("a.parquet", "b.parquet")]
    entries = [
        write_references(path, gains(seed), reference_solvers(2, 5, 1, 0)) for seed, path in enumerate(paths)
    ]
    damage(*paths)
    with pytest.raises(DataError, match=r"a\.parquet"):
        read_references(tmp_path, (entries[0],))


def head(folder: Path, config: BackboneConfig) -> Path:
    """A fine-tuned model and a backbone in one folder."""
    folder.mkdir()
    model = PowerModel(config)
    card = ModelCard(backbone=config, objective="sum-rate")
    save_model(folder, model.backbone, card, BACKBONE_NAME)
    save_model(folder, model, card, MODEL_NAME)
    return folder


@named
@pytest.mark.parametrize("name", [MODEL_NAME, CONFIG_NAME])
def test_models(tmp_path: Path, damage: Damage, name: str) -> None:
    folder, other = head(tmp_path / "a", CONFIG), head(tmp_path / "b", OTHER)
    damage(folder / name, other / name)
    # A changed card describes another model, which the weights do not fit.
    with pytest.raises(DataError, match=name):
        load_power_model(folder)


@named
def test_backbones(tmp_path: Path, damage: Damage) -> None:
    folder, other = head(tmp_path / "a", CONFIG), head(tmp_path / "b", OTHER)
    damage(folder / BACKBONE_NAME, other / BACKBONE_NAME)
    with pytest.raises(DataError, match=BACKBONE_NAME):
        model_from_backbone(folder, 1)


def test_a_model_of_the_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no goal-conditioned model"):
        load_prompted_model(head(tmp_path / "a", CONFIG))


def checkpoint(
    folder: Path, config: BackboneConfig, epochs: int = 1
) -> tuple[PowerModel, torch.optim.Optimizer]:
    model = PowerModel(config)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(1, 3, 3)).sum().backward()
    optimizer.step()
    state = TrainingState(stage="finetune", epochs_done=epochs, scheduler={}, history=())
    save_training(folder, {"model": model}, optimizer, state)
    return model, optimizer


@named
@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.safetensors", "state.json", "checksums.json"]
)
def test_training_checkpoints(tmp_path: Path, damage: Damage, name: str) -> None:
    model, optimizer = checkpoint(tmp_path / "a", CONFIG)
    checkpoint(tmp_path / "b", OTHER, epochs=2)
    damage(tmp_path / "a" / name, tmp_path / "b" / name)
    # Where the list of checksums is what is wrong, any file may be the first that does not fit it.
    with pytest.raises(DataError, match=name if name != "checksums.json" else "missing|damaged"):
        load_training(tmp_path / "a", {"model": model}, optimizer)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with two models whose graphs differ, in a folder of its own."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        runs.connect()
        for name, config in (("gfm-ra-a", CONFIG), ("gfm-ra-b", OTHER)):
            graph = folder / f"{name}.onnx"
            torch.manual_seed(0)
            export_once(PowerModel(config).eval(), graph)
            with runs.run("register", {}) as run:
                versions.add_version(run, name, pyfunc_program.PATH, {"graph": graph}, ["mlflow"], {})
        yield folder


@named
def test_registered_graphs(
    registry: Path, tmp_path: Path, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{registry}/mlflow.db")
    runs.connect()
    folder = versions.fetch("models:/gfm-ra-a/1", tmp_path / "a")
    (graph,) = (folder / "artifacts").glob("*.onnx")
    assert versions.load(str(folder))(np.zeros((1, 3, 3), np.float32)).shape == (1, 3)
    damage(graph, registry / "gfm-ra-b.onnx")
    for open_it in (versions.load, lambda path: versions.program(Path(path))):
        with pytest.raises(UserError, match=graph.name):
            open_it(str(folder))


@pytest.mark.parametrize("damage", [truncated, emptied, foreign, missing], ids=lambda damage: damage.__name__)
def test_what_a_stage_left_as_json(tmp_path: Path, damage: Damage) -> None:
    path, other = tmp_path / "latency.json", tmp_path / "other.json"
    path.write_text('{"rows": [1, 2, 3]}')
    other.write_bytes(b"\\x80not json")
    damage(path, other)
    with pytest.raises(DataError, match="latency"):
        read_json(path)
