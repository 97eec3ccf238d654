"""Weights are found by name or folder, and damaged, newer or foreign ones are refused in one line."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import gfm_ra
from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.heads import PowerModel
from components.model.prompted import PromptedModel
from components.model.unrolled import packaged
from components.training.checkpoint import MODEL_NAME, ModelCard, save_model
from gfm_ra import InputError, QoS, SumRate, extensions
from gfm_ra.weights import catalogue
from gfm_ra.weights.card import FORMAT, NAME
from tests.exported import export_once, lively_prompted, lively_unrolled

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)


@pytest.fixture(scope="module")
def model() -> PromptedModel:
    return lively_prompted()


@pytest.fixture(scope="module")
def graph(model: PromptedModel, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("graph") / "network.onnx"
    export_once(model, path)
    return path.read_bytes()


def write_weights(folder: Path, graph: bytes, **changes: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "network.onnx").write_bytes(graph)
    name, _, version = folder.name.rpartition("-")
    digest = hashlib.sha256(graph).hexdigest()
    card = {
        "format": FORMAT, "name": name, "version": int(version), "released": "2026-01-01", "licence": "MIT",
        "network": {"kind": "onnx", "file": "network.onnx", "sha256": digest}, "envelope": {"alpha": [0, 2]},
    }  # fmt: skip
    (folder / NAME).write_text(json.dumps(card | changes))
    return folder


def gains() -> np.ndarray:
    return np.random.default_rng(0).normal(10.0, 15.0, (3, 7, 7)).astype(np.float32)


def test_powers_are_the_models(model: PromptedModel, graph: bytes, tmp_path: Path) -> None:
    allocator = gfm_ra.load(write_weights(tmp_path / "tiny-1", graph))
    for goal in (SumRate(), QoS(0.5, 10.0)):
        found = allocator.allocate(gain_db=gains(), goal=goal, effort="fast")
        with torch.no_grad():
            expected = model(torch.from_numpy(gains()), goals_of(goal, 3, 7)).numpy()
        np.testing.assert_allclose(found.power, expected, atol=1e-4)


def test_unknown_gains_are_hidden_pairs_for_the_model(
    model: PromptedModel, graph: bytes, tmp_path: Path
) -> None:
    gain_db = gains()
    gain_db[:, 0, 3] = gain_db[:, 5, 2] = np.nan
    hidden = np.isnan(gain_db) | np.isnan(gain_db).swapaxes(1, 2)
    found = gfm_ra.load(write_weights(tmp_path / "tiny-1", graph)).allocate(gain_db=gain_db)
    with torch.no_grad():
        expected = model(
            torch.from_numpy(gains()), goals_of(SumRate(), 3, 7), torch.from_numpy(hidden)
        ).numpy()
    np.testing.assert_allclose(found.power, expected, atol=1e-4)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_an_unrolled_network_answers_alike_as_a_graph_and_in_the_core(tmp_path: Path, effort: str) -> None:
    network = lively_unrolled()
    export_once(network, tmp_path / "network.onnx")
    as_graph = gfm_ra.load(write_weights(tmp_path / "graph-1", (tmp_path / "network.onnx").read_bytes()))
    packaged.save(network, tmp_path / "network.npz")
    content = (tmp_path / "network.npz").read_bytes()
    about = {
        "kind": "unrolled", "file": "network.npz", "sha256": hashlib.sha256(content).hexdigest(),
        "architecture": packaged.architecture(network),
    }  # fmt: skip
    folder = write_weights(tmp_path / "core-1", b"", network=about)
    (folder / "network.npz").write_bytes(content)
    gain_db = gains()
    gain_db[0, 0, 3] = np.nan
    found, expected = (
        allocator.allocate(gain_db=gain_db, goal="qos", effort=effort, seed=5)
        for allocator in (as_graph, gfm_ra.load(folder))
    )
    np.testing.assert_allclose(found.power, expected.power, atol=1e-4)
    assert list(found.source) == list(expected.source)
    assert found.source[0] == "model, unchecked"


def test_a_name_without_version_means_the_newest(
    graph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    for version, released in ((2, "2026-01-01"), (10, "2026-03-01")):
        write_weights(tmp_path / f"tiny-{version}", graph, released=released)
    write_weights(tmp_path / "other-1", graph, released="2026-02-01")
    assert gfm_ra.load("tiny").name == "tiny-10"
    assert gfm_ra.load("tiny-2").name == "tiny-2"
    assert gfm_ra.load().name == "tiny-10"
    with pytest.raises(InputError, match="other-1, tiny-10, tiny-2"):
        gfm_ra.load("unheard-of")


def change(folder: Path, **changes: object) -> None:
    card = json.loads((folder / NAME).read_text())
    (folder / NAME).write_text(json.dumps(card | changes))


def flip(folder: Path) -> None:
    path = folder / "network.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "damaged"),
        (lambda folder: (folder / "network.onnx").unlink(), "is missing"),
        (lambda folder: (folder / NAME).write_bytes(b"\xff\x00"), "damaged"),
        (lambda folder: (folder / NAME).write_text("[" * 100_000), "damaged"),
        (lambda folder: (folder / NAME).write_text("[1]"), "no card"),
        (lambda folder: (folder / NAME).write_text("{}"), "names no format"),
        (lambda folder: (folder / NAME).unlink(), "neither weights"),
        (lambda folder: change(folder, format=FORMAT + 1), "upgrade gfm-ra"),
        (lambda folder: change(folder, network={"kind": "fused", "file": "x"}), "upgrade gfm-ra"),
        (lambda folder: change(folder, version="one"), "version is missing or no int"),
        (lambda folder: change(folder, envelope={"alpha": 2}), "pairs of numbers"),
    ],
)
def test_damaged_newer_or_foreign_weights_are_refused_in_one_line(
    graph: bytes, tmp_path: Path, damage: object, said: str
) -> None:
    folder = write_weights(tmp_path / "tiny-1", graph)
    damage(folder)  # type: ignore[operator]
    with pytest.raises(InputError, match=said) as refusal:
        gfm_ra.load(folder)
    assert "\n" not in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)


def test_a_graph_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no graph that onnxruntime"):
        gfm_ra.load(write_weights(tmp_path / "tiny-1", b"not a graph"))


def test_an_exported_model_is_read_without_running_its_program(
    model: PromptedModel, graph: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    weights = folder / "artifacts" / "prompted"
    weights.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}")
    (folder / "program.py").write_text("raise RuntimeError")
    (folder / "artifacts" / "prompted.onnx").write_bytes(graph)
    (folder / "artifacts" / "graph.sha256").write_text(hashlib.sha256(graph).hexdigest() + "\n")
    given = model.backbone
    save_model(weights, model, ModelCard(backbone=given.config, conditioning=given.conditioning), MODEL_NAME)
    assert gfm_ra.load(folder).allocate(gain_db=gains()).power.shape == (3, 7)
    (folder / "artifacts" / "graph.sha256").write_text("0" * 64)
    with pytest.raises(InputError, match="damaged"):
        gfm_ra.load(folder)
    shutil.rmtree(folder / "artifacts")
    with pytest.raises(InputError, match="no model of gfm-ra"):
        gfm_ra.load(folder)


def test_an_exported_head_has_its_goal(tmp_path: Path) -> None:
    torch.manual_seed(0)
    head, folder = PowerModel(CONFIG), tmp_path / "model"
    weights = folder / "artifacts" / "qos"
    weights.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}")
    export_once(head, folder / "artifacts" / "qos.onnx")
    digest = hashlib.sha256((folder / "artifacts" / "qos.onnx").read_bytes()).hexdigest()
    (folder / "artifacts" / "graph.sha256").write_text(digest)
    save_model(weights, head, ModelCard(backbone=CONFIG, objective="qos"), MODEL_NAME)
    allocator = gfm_ra.load(folder)
    assert allocator.objective == QoS()
    with pytest.raises(ValueError, match="was tuned for qos alone"):
        allocator.allocate(gain_db=gains(), goal="sum-rate")
    (card,) = weights.glob("config.json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"objective": "energy-efficiency"}))
    with pytest.raises(InputError, match="does not say for which numbers"):
        gfm_ra.load(folder)


def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        gfm_ra.load(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither weights"):
        gfm_ra.load(tmp_path / "empty")


def test_other_packages_add_goals_allocators_and_weights(
    graph: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Point:
        def __init__(self, name: str, found: object) -> None:
            self.name, self.value, self.found = name, f"package:{name}", found

        def load(self) -> object:
            if isinstance(self.found, Exception):
                raise self.found
            return self.found

    folder = write_weights(tmp_path / "theirs-3", graph)
    groups = {
        extensions.WEIGHTS: {"theirs-3": Point("theirs-3", lambda: folder)},
        extensions.ALLOCATORS: {
            "theirs": Point("theirs", lambda: gfm_ra.load(folder).network),
            "no": Point("no", object),
        },
        extensions.GOALS: {"broken": Point("broken", ImportError("gone"))},
    }
    monkeypatch.setattr(extensions, "added", lambda group: groups.get(group, {}))
    monkeypatch.setattr(catalogue, "added", lambda group: groups.get(group, {}))
    monkeypatch.setattr("gfm_ra.loading.added", lambda group: groups.get(group, {}))
    assert gfm_ra.load("theirs-3").name == "theirs-3"
    assert gfm_ra.load("theirs").allocate(gain_db=gains(), effort="fast").power.shape == (3, 7)
    with pytest.raises(InputError, match="no powers"):
        gfm_ra.load("no")
    with pytest.raises(gfm_ra.UserError, match=r"'broken'.*cannot be loaded: gone"):
        gfm_ra.load(folder).allocate(gain_db=gains(), goal="broken")
