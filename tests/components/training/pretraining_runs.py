"""Small pre-training runs that tests share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from components.data.batches import Group
from components.model.backbone import BackboneConfig
from components.model.prompted import ConditioningConfig
from components.training.config import PretrainingConfig
from components.training.loop import Metrics
from components.training.pretraining import Pretraining
from components.training.schedule import ScheduleConfig

EPOCHS = 3
TINY = PretrainingConfig(
    backbone=BackboneConfig(layers=1, width=16, heads=4, bias_width=8),
    epochs=EPOCHS, batch_size=8, learning_rate=1e-3, schedule=ScheduleConfig(kind="cosine", warmup_steps=3),
)  # fmt: skip

CONDITIONED = TINY.model_copy(
    update={"utility_weight": 1.0, "epochs": 2, "conditioning": ConditioningConfig(estimate_rank=4)}
)


def snapshots(count: int, links: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(7.0, 15.0, (count, links, links)).astype(np.float16)


def make(seed: int = 0, config: PretrainingConfig = TINY, scale: int = 1) -> Pretraining:
    train = [snapshots(20 * scale, 4, 1), snapshots(12 * scale, 6, 2)]
    return Pretraining(config, train, [snapshots(9, 4, 3), snapshots(5, 6, 4)], seed, Group())


def weights(loop: Pretraining) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, module in (("student", loop.student), ("teacher", loop.teacher))
        for key, value in module.state_dict().items()
    }


def same_bits(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def run(loop: Pretraining, folder: Path | None = None, resume_from: Path | None = None) -> list[Metrics]:
    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        if folder is not None:
            save(folder / f"{metrics['epoch']:.0f}")

    return loop.run(report, lambda done, total, snapshots: None, resume_from)
