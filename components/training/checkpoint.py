"""Weights and state on disk: safetensors and JSON, written atomically, never a pickle."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from components.channel.torch_rng import seeded
from components.config import Strict
from components.data.shards import DataError, json_text, sha256_of
from components.model.backbone import BackboneConfig
from components.model.conditioning import GoalEnvelope
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel

CONFIG_NAME = "config.json"
BACKBONE_NAME = "backbone.safetensors"
MODEL_NAME = "model.safetensors"
HISTORY_NAME = "history.json"  # beside a model that was trained alone: metrics of every epoch
CHECKSUM = "sha256"
CHECKSUMS_NAME = "checksums.json"  # of a training checkpoint


Card = TypeVar("Card", bound=Strict)


class ModelCard(Strict):
    """What a weights file needs to be used: architecture, and what its head was tuned for or how goals enter."""

    backbone: BackboneConfig
    objective: str | None = None
    conditioning: ConditioningConfig | None = None  # of a goal-conditioned model
    goals: GoalEnvelope | None = None  # that it was trained on, unless they are the usual ones


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors to a safetensors file atomically, with a checksum of their values in its metadata."""
    partial = path.with_name(f".{path.name}.partial")
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(kept, {CHECKSUM: _checksum(kept)})
    # Written here rather than by safetensors: a full disk is an OSError then, and permissions are the usual ones.
    partial.write_bytes(content)
    os.replace(partial, path)


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        DataError: it is missing or damaged: not of this format, or a value has changed since it was saved.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: run the stage that makes it again")
    remedy = "run the stage that makes it again"
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            about = file.metadata() or {"format": "of another program"}
    except SafetensorError as error:
        raise DataError(f"{path} is damaged ({error}): {remedy}") from None
    # The format itself does not notice a changed bit. Files of other programs have no checksum, but name a format.
    if "format" not in about and about.get(CHECKSUM) != _checksum(tensors):
        raise DataError(
            f"{path} is damaged (its values do not have the checksum they were saved with): {remedy}"
        )
    return tensors


def _checksum(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_model(folder: Path, module: nn.Module, card: ModelCard, name: str) -> None:
    """Write weights and card into an existing folder."""
    save_tensors(folder / name, dict(module.state_dict()))
    (folder / CONFIG_NAME).write_text(json_text(_content(card)))


def _content(card: ModelCard) -> dict[str, Any]:
    # Left out where it says nothing: cards of models with the usual goals stay as they were before it was there.
    return card.model_dump(mode="json", exclude={"goals"} if card.goals is None else None)


def read_model_card(folder: Path, kind: type[Card], lack: str) -> Card:
    """Read a folder's card; `lack` says of a folder without one what it is not, "is not a model folder".

    Raises:
        DataError: it is missing or damaged.
    """
    path = folder / CONFIG_NAME
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path} is missing: {folder} {lack}") from None
    except ValidationError as error:
        raise DataError(f"{path} is damaged: {error.errors()[0]['msg']}") from None


def holds_unrolled(folder: Path) -> bool:
    """Whether a folder's card is one of an unrolled network, `components.training.worlds.folder`."""
    try:
        content = json.loads((folder / CONFIG_NAME).read_bytes())
    except (OSError, ValueError):
        return False  # whoever reads the card says what is wrong with it
    return isinstance(content, dict) and "unrolled" in content


def load_card(folder: Path) -> ModelCard:
    """Read the card of a model folder.

    Raises:
        DataError: it is missing or damaged, or one of an unrolled network.
    """
    if holds_unrolled(folder):
        raise DataError(f"{folder} holds an unrolled network, which has no backbone: name another model")
    return read_model_card(folder, ModelCard, "is not a model folder")


def load_power_model(folder: Path) -> tuple[PowerModel, ModelCard]:
    """Rebuild a power model from the folder that `save_model` filled.

    Raises:
        DataError: files are missing, damaged or do not belong together.
    """
    card = load_card(folder)
    if card.conditioning is not None:
        raise DataError(f"{folder} holds a goal-conditioned model: open it with load_prompted_model")
    model = PowerModel(card.backbone)
    load_weights(model, folder / MODEL_NAME)
    return model.eval(), card


def load_prompted_model(folder: Path) -> PromptedModel:
    """Rebuild a goal-conditioned model from the folder that pre-training filled.

    Raises:
        DataError: files are missing or damaged, or it is a model of another kind.
    """
    card = load_card(folder)
    if card.conditioning is None:
        raise DataError(f"{folder} holds no goal-conditioned model: it was trained with utility_weight 0")
    model = PromptedModel(card.backbone, card.conditioning)
    load_weights(model, folder / MODEL_NAME)
    return model.eval()


def load_weights(module: nn.Module, path: Path) -> None:
    """Load a safetensors file into a module of exactly that architecture.

    Raises:
        DataError: the file is missing or damaged, or its tensors do not fit the module.
    """
    try:
        module.load_state_dict(load_tensors(path))
    except RuntimeError:
        raise DataError(f"{path} does not fit the architecture in its {CONFIG_NAME}") from None


def model_from_backbone(folder: Path, seed: int, pretrained: bool = True) -> PowerModel:
    """A power model with a fresh head on the backbone in `folder`, or on a fresh backbone of the same size.

    The head is the same either way, so that runs with and without pre-training differ in the backbone alone.

    Raises:
        DataError: files are missing or damaged.
    """
    card = load_card(folder)
    with seeded(seed, "finetune", "weights"):
        # The backbone is drawn even where it is replaced: the head's numbers come after its numbers in the stream.
        model = PowerModel(card.backbone)
    if pretrained:
        load_weights(model.backbone, folder / BACKBONE_NAME)
    return model


class TrainingState(Strict):
    """The numbers beside the tensors in a training checkpoint."""

    stage: str
    epochs_done: int
    scheduler: dict[str, float | int | None]
    history: tuple[dict[str, float], ...]


def save_training(
    folder: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer, state: TrainingState
) -> None:
    """Write a complete training checkpoint into `folder`, replacing what was there, all or nothing."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, module in modules.items():
        save_tensors(partial / f"{name}.safetensors", dict(module.state_dict()))
    save_tensors(partial / "optimizer.safetensors", _optimizer_tensors(optimizer))
    (partial / "state.json").write_text(json.dumps(state.model_dump(mode="json")))
    (partial / CHECKSUMS_NAME).write_text(json_text(_checksums(partial)))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(partial, folder)


def replace_checkpoint(folder: Path, save: Callable[[Path], None]) -> None:
    """Write a checkpoint in the place of the former one; at every moment `newest_checkpoint` finds a whole one.

    After a loss of power, too: the new one is on the disk before it gets its name, and the former stays until then.
    """
    fresh, former = folder.with_name(f".{folder.name}.fresh"), _former(folder)
    save(fresh)
    for path in (*fresh.rglob("*"), fresh):
        _to_disk(path)
    if folder.is_dir():
        shutil.rmtree(former, ignore_errors=True)
        os.replace(folder, former)
    os.replace(fresh, folder)
    _to_disk(folder.parent)
    shutil.rmtree(former, ignore_errors=True)


def _to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def newest_checkpoint(folder: Path) -> Path | None:
    """What `replace_checkpoint` has left: in the folder, or beside it if the process was killed in between."""
    return next((path for path in (folder, _former(folder)) if path.is_dir()), None)


def _former(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.former")


def load_training(
    folder: Path, modules: dict[str, nn.Module], optimizer: torch.optim.Optimizer
) -> TrainingState:
    """Restore what `save_training` wrote.

    Raises:
        DataError: the checkpoint is incomplete or damaged, down to the last bit.
    """
    _check_sums(folder)
    for name, module in modules.items():
        load_weights(module, folder / f"{name}.safetensors")
    _restore_optimizer(optimizer, load_tensors(folder / "optimizer.safetensors"))
    return TrainingState.model_validate_json((folder / "state.json").read_bytes())


def _checksums(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != CHECKSUMS_NAME}


def _check_sums(folder: Path) -> None:
    """Compare every file of a training checkpoint with the checksum that was saved beside it."""
    path, remedy = folder / CHECKSUMS_NAME, f"remove {folder} and run again"
    try:
        expected = json.loads(path.read_text())
    except FileNotFoundError:
        raise DataError(f"{path} is missing: {remedy}") from None
    except ValueError:
        raise DataError(f"{path} is damaged: {remedy}") from None
    found = _checksums(folder)
    for name in sorted({*expected, *found}) if isinstance(expected, dict) else [CHECKSUMS_NAME]:
        if name not in found:
            raise DataError(f"{folder / name} is missing: {remedy}")
        if expected.get(name) != found[name]:
            raise DataError(f"{folder / name} is damaged or of another checkpoint: {remedy}")


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{index}.{key}": torch.as_tensor(value)
        for index, state in optimizer.state_dict()["state"].items()
        for key, value in state.items()
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
