"""Exported graphs that tests share: whatever is no test of the export itself exports the same weights once."""

import hashlib
from pathlib import Path

import torch
from pydantic import BaseModel
from torch import nn

from components.channel.torch_rng import seeded
from components.model.backbone import BackboneConfig
from components.model.export import export_onnx
from components.model.prompted import ConditioningConfig, PromptedModel
from components.model.unrolled.estimate import EstimatorConfig
from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork

# The first step, one between and the last one: exporting takes as long as there are steps.
SMALL_UNROLLED = UnrolledConfig(
    width=12, hidden=16, steps=3, values=2, estimator=EstimatorConfig(width=9, hidden=11, rounds=2, rank=4)
)
_KEPT: dict[str, bytes] = {}


def export_once(model: nn.Module, path: Path) -> None:
    """`export_onnx`, or the same file again if a model that does not differ was exported for another test."""
    key = identity(model)
    if key not in _KEPT:
        export_onnx(model, path)  # type: ignore[arg-type]
        _KEPT[key] = path.read_bytes()
    model.eval()  # as exporting does
    path.write_bytes(_KEPT[key])


def identity(model: nn.Module) -> str:
    """What decides a graph: modules, their plain attributes, configurations and tensors."""
    digest = hashlib.sha256(repr(model).encode())
    for name, module in model.named_modules():
        plain = {
            key: str(value)
            for key, value in vars(module).items()
            if key != "training" and isinstance(value, bool | int | float | str | BaseModel)
        }
        digest.update(f"{name} {type(module)} {sorted(plain.items())}".encode())
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


def lively_prompted() -> PromptedModel:
    """A small goal-conditioned model whose powers differ."""
    with seeded(1, "test"):
        config = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
        made = PromptedModel(config, ConditioningConfig(feedback_steps=1)).eval()
    with torch.no_grad():
        made.head.mlp[2].weight.mul_(8.0)
    return made


def lively_unrolled() -> UnrolledNetwork:
    """A small unrolled network whose powers differ."""
    with seeded(5, "test"):
        made = UnrolledNetwork(SMALL_UNROLLED).eval()
        for parameter in made.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
        torch.nn.init.zeros_(made.power.bias)  # else most powers are near 0 or 1, where nothing could differ
    return made
