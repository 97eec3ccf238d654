"""Allocators load from any folder of a model."""

from pathlib import Path

import numpy as np
import pytest

from components.data.shards import DataError
from components.evaluation.torch_allocator import Allocator
from components.model.heads import PowerModel
from components.model.prompted import PromptedModel
from components.training.checkpoint import BACKBONE_NAME, MODEL_NAME, ModelCard, save_model
from gfm_ra.goals import QoS, SumRate
from tests.components.evaluation.torch_allocator.conftest import CONDITIONING, CONFIG, KINDS, make


def save(folder: Path, kind: str, objective: str | None = None) -> PowerModel | PromptedModel:
    model = make(kind)
    conditioning = CONDITIONING if kind == "prompted" else None
    card = ModelCard(backbone=CONFIG, objective=objective, conditioning=conditioning)
    save_model(folder, model, card, MODEL_NAME)
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("named", ["folder", "file", "text"])
def test_both_kinds_of_models_load_from_their_folder_or_a_file_in_it(
    tmp_path: Path, gain: np.ndarray, kind: str, named: str
) -> None:
    model = save(tmp_path, kind)
    path = {"folder": tmp_path, "file": tmp_path / MODEL_NAME, "text": str(tmp_path)}[named]
    loaded = Allocator.load(path)
    assert loaded.objective == SumRate()
    np.testing.assert_array_equal(loaded.allocate(gain), Allocator.of(model, SumRate()).allocate(gain))


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_keeps_its_objective(tmp_path: Path, kind: str) -> None:
    save(tmp_path, kind, "qos")
    assert Allocator.load(tmp_path).objective == QoS()


def test_an_objective_of_another_version_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "tuned", "max-min")
    with pytest.raises(ValueError, match="'max-min' is unknown"):
        Allocator.load(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_a_model_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match="not a model folder"):
        Allocator.load(tmp_path)
    save(tmp_path, kind)
    (tmp_path / MODEL_NAME).rename(tmp_path / BACKBONE_NAME)
    with pytest.raises(DataError, match=MODEL_NAME):
        Allocator.load(tmp_path)
