"""Laws of weights on disk: nothing lost, nothing half-written, every fault named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from components.data.shards import DataError
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from components.training.checkpoint import (
    BACKBONE_NAME,
    CONFIG_NAME,
    MODEL_NAME,
    ModelCard,
    TrainingState,
    load_card,
    load_power_model,
    load_prompted_model,
    load_tensors,
    load_training,
    model_from_backbone,
    save_model,
    save_tensors,
    save_training,
)

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
STATE = TrainingState(
    stage="pretrain", epochs_done=2, scheduler={"step": 5, "best": None, "scale": 0.5}, history=({"a": 0.1},)
)


@pytest.fixture
def model() -> PowerModel:
    torch.manual_seed(0)
    return PowerModel(CONFIG)


@pytest.fixture
def folder(tmp_path: Path, model: PowerModel) -> Path:
    """A model folder with a power model, and its backbone beside it."""
    save_model(tmp_path, model, ModelCard(backbone=CONFIG, objective="qos"), MODEL_NAME)
    save_tensors(tmp_path / BACKBONE_NAME, dict(model.backbone.state_dict()))
    return tmp_path


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_model_comes_back_as_it_was(folder: Path, model: PowerModel) -> None:
    loaded, card = load_power_model(folder)
    assert same(loaded, model)
    assert card == ModelCard(backbone=CONFIG, objective="qos")
    assert not loaded.training


def test_same_weights_give_the_same_bytes(folder: Path, model: PowerModel, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    save_model(again, model, ModelCard(backbone=CONFIG, objective="qos"), MODEL_NAME)
    for name in (MODEL_NAME, CONFIG_NAME):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("name", [MODEL_NAME, CONFIG_NAME])
@pytest.mark.parametrize("harm", [Path.unlink, truncate, lambda path: path.write_bytes(b"")])
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str, harm: Callable[[Path], None]) -> None:
    harm(folder / name)
    with pytest.raises(DataError, match=name) as caught:
        load_power_model(folder)
    assert str(folder / name) in str(caught.value)


def test_a_foreign_file_is_named(folder: Path) -> None:
    (folder / MODEL_NAME).write_text("these are no weights")
    with pytest.raises(DataError, match="damaged"):
        load_power_model(folder)


def test_weights_of_another_architecture_are_named(folder: Path) -> None:
    wider = CONFIG.model_copy(update={"width": 32})
    save_model(folder, PowerModel(wider), ModelCard(backbone=wider), "other.safetensors")
    with pytest.raises(DataError, match=rf"{MODEL_NAME} does not fit"):
        load_power_model(folder)


def test_a_card_with_unknown_keys_is_refused(folder: Path) -> None:
    card = json.loads((folder / CONFIG_NAME).read_text()) | {"colour": "blue"}
    (folder / CONFIG_NAME).write_text(json.dumps(card))
    with pytest.raises(DataError, match=CONFIG_NAME):
        load_card(folder)


def test_a_head_on_a_pretrained_backbone_is_new_and_depends_on_the_seed(
    folder: Path, model: PowerModel
) -> None:
    torch.manual_seed(99)
    first = model_from_backbone(folder, seed=1)
    torch.manual_seed(98)
    again, other = model_from_backbone(folder, seed=1), model_from_backbone(folder, seed=2)
    assert same(first.backbone, model.backbone)
    assert same(first.head, again.head)
    assert not same(first.head, other.head)
    assert not same(first.head, model.head)


def test_from_scratch_takes_only_the_size(folder: Path, model: PowerModel) -> None:
    (folder / BACKBONE_NAME).unlink()
    fresh = model_from_backbone(folder, seed=1, pretrained=False)
    assert fresh.backbone.config == CONFIG
    assert not same(fresh.backbone, model.backbone)


def test_with_and_without_pretraining_the_head_starts_the_same(folder: Path) -> None:
    pretrained, fresh = (model_from_backbone(folder, seed=1, pretrained=which) for which in (True, False))
    assert same(pretrained.head, fresh.head)
    assert not same(pretrained.backbone, fresh.backbone)


@pytest.fixture
def prompted_folder(tmp_path: Path) -> tuple[Path, PromptedModel]:
    """A folder as goal-conditioned pre-training leaves it."""
    folder, conditioning = tmp_path / "prompted", ConditioningConfig(feedback_steps=1, estimate_rank=4)
    folder.mkdir()
    torch.manual_seed(0)
    prompted = PromptedModel(CONFIG, conditioning)
    card = ModelCard(backbone=CONFIG, conditioning=conditioning)
    save_model(folder, prompted, card, MODEL_NAME)
    save_model(folder, prompted.backbone.backbone, card, BACKBONE_NAME)
    return folder, prompted


def test_a_prompted_model_comes_back_as_it_was(prompted_folder: tuple[Path, PromptedModel]) -> None:
    folder, prompted = prompted_folder
    loaded = load_prompted_model(folder)
    assert same(loaded, prompted)
    assert loaded.backbone.conditioning == ConditioningConfig(feedback_steps=1, estimate_rank=4)
    assert not loaded.training
    assert same(model_from_backbone(folder, seed=1).backbone, prompted.backbone.backbone)


def test_models_of_the_other_kind_are_named(
    folder: Path, prompted_folder: tuple[Path, PromptedModel]
) -> None:
    with pytest.raises(DataError, match="holds no goal-conditioned model"):
        load_prompted_model(folder)
    with pytest.raises(DataError, match="holds a goal-conditioned model: open it with load_prompted_model"):
        load_power_model(prompted_folder[0])


@pytest.mark.parametrize("name", [MODEL_NAME, CONFIG_NAME])
@pytest.mark.parametrize("harm", [Path.unlink, truncate])
def test_a_missing_or_damaged_file_of_a_prompted_model_is_named(
    prompted_folder: tuple[Path, PromptedModel], name: str, harm: Callable[[Path], None]
) -> None:
    harm(prompted_folder[0] / name)
    with pytest.raises(DataError, match=name):
        load_prompted_model(prompted_folder[0])


def trained(seed: int) -> tuple[PowerModel, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = PowerModel(CONFIG)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model(torch.randn(2, 3, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_a_training_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    model, optimizer = trained(0)
    save_training(tmp_path / "state", {"model": model}, optimizer, STATE)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]  # nothing half-made beside it
    other, fresh = trained(1)
    assert load_training(tmp_path / "state", {"model": other}, fresh) == STATE
    assert same(other, model)
    for index, state in optimizer.state_dict()["state"].items():
        restored = fresh.state_dict()["state"][index]
        assert all(torch.equal(torch.as_tensor(restored[key]), state[key]) for key in state)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("harm", [Path.unlink, truncate])
def test_an_incomplete_training_checkpoint_is_named(
    tmp_path: Path, name: str, harm: Callable[[Path], None]
) -> None:
    model, optimizer = trained(0)
    save_training(tmp_path / "state", {"model": model}, optimizer, STATE)
    harm(tmp_path / "state" / name)
    with pytest.raises(DataError, match=name):
        load_training(tmp_path / "state", {"model": model}, optimizer)


def test_a_failed_save_leaves_the_previous_checkpoint_whole(tmp_path: Path) -> None:
    model, optimizer = trained(0)
    save_training(tmp_path / "state", {"model": model}, optimizer, STATE)

    class Unsaveable(torch.nn.Module):
        def state_dict(self, *args: object, **kwargs: object) -> dict[str, torch.Tensor]:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        save_training(tmp_path / "state", {"model": trained(1)[0], "z": Unsaveable()}, optimizer, STATE)
    other, fresh = trained(2)
    assert load_training(tmp_path / "state", {"model": other}, fresh) == STATE
    assert same(other, model)


def test_a_full_disk_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / ".weights.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        save_tensors(tmp_path / "weights", {"a": torch.zeros(1000)})
    assert not (tmp_path / "weights").exists()


def test_no_pickle_is_read(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(DataError, match="damaged"):
        load_tensors(tmp_path / "weights.safetensors")


def test_a_changed_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, {"a": torch.arange(64.0), "b": torch.tensor(True), "none": torch.zeros(0, 3)})
    assert torch.equal(load_tensors(path)["a"], torch.arange(64.0))
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        with pytest.raises(DataError, match=r"w\.safetensors is damaged"):
            load_tensors(path)


def test_a_file_of_another_program_has_no_checksum_and_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    for about in (None, {"format": "pt"}):
        path.write_bytes(save({"a": torch.arange(3.0)}, about))
        assert torch.equal(load_tensors(path)["a"], torch.arange(3.0))
