"""What the training workers of a sweep's trial run: one segment of pre-training, and the evaluation at its end.

Every trial starts such processes, so nothing is imported here that they do not need (no Tune, no MLflow, no solvers).
"""

import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from ray import train
from ray.train import Checkpoint
from ray.train.torch import get_device

from components.data.batches import Group
from components.data.shards import Manifest, load_split
from components.evaluation.few_shot import FewShotConfig, evaluate
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.loop import Metrics
from components.training.pretraining import Pretraining

START_UP_FIRST = 4  # steps of niceness that training stands back


class TrialError(Exception):
    """A trial that cannot be finished, in one line."""


class _SegmentEnd(Exception):
    """Leave the training loop between two segments."""


@dataclass(frozen=True)
class Segment:
    """What the workers of one trainer need."""

    algorithm: PretrainingConfig
    few_shot: FewShotConfig
    scenarios: tuple[str, ...]
    rows: dict[str, int]  # split -> snapshots of every scenario
    threads: int
    data: Path
    seed: int
    reference: float  # what the downstream score is divided by
    until: int  # epochs
    start: Any = None  # the checkpoint of the segment before

    @property
    def is_last(self) -> bool:
        """Whether training ends with it."""
        return self.until >= self.algorithm.epochs

    def load(self, split: str) -> list[np.ndarray]:
        """What to pre-train or validate on: gain_db [N, K, K] per scenario."""
        manifest = Manifest.load(self.data)
        return [load_split(self.data, manifest, name, split, self.rows[split]) for name in self.scenarios]

    def evaluate(self, folder: Path, group: Group) -> Metrics:
        """Downstream ratios of the model in `folder`."""
        few, manifest = self.few_shot, Manifest.load(self.data)
        samples = load_split(self.data, manifest, few.scenario, "train", few.most_shots)
        val = load_split(self.data, manifest, few.scenario, "val", few.val_rows)
        return evaluate(folder, samples, val, few, self.reference, self.seed, group, not self.is_last)


def train_segment(segment: Segment) -> None:
    """What each training worker runs; the first one also evaluates, on the device that it has."""
    # Whoever starts up next to this process goes first: the slot that it is to fill stands idle until then.
    os.nice(START_UP_FIRST)
    started, started_s, context = time.perf_counter(), time.time(), train.get_context()
    group = Group(context.get_world_rank(), context.get_world_size(), get_device())
    if group.device.type == "cpu":
        torch.set_num_threads(segment.threads)
    loop = Pretraining(segment.algorithm, segment.load("train"), segment.load("val"), segment.seed, group)

    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        done = int(metrics["epoch"]) + 1
        if not all(math.isfinite(metrics[name]) for name in ("train_loss", "validation_loss")):
            raise TrialError(f"the loss is not a number after epoch {done}")
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = None
            if group.rank == 0:
                save(Path(folder) / "state")
                loop.save_result(Path(folder))
                if done == segment.until:
                    scores = segment.evaluate(Path(folder), group)
                    if not all(map(math.isfinite, scores.values())):
                        raise TrialError(f"a downstream ratio is not a number after epoch {done}")
                    metrics |= scores
                checkpoint = Checkpoint.from_directory(folder)
            timing = {"training_seconds": time.perf_counter() - started, "node": _node()}
            timing |= {"started_s": started_s, "ended_s": time.time()}
            train.report(metrics | timing, checkpoint=checkpoint)
        if done == segment.until:
            raise _SegmentEnd

    last = train.get_checkpoint() or segment.start
    with deterministic(group.device), suppress(_SegmentEnd):
        if last is None:
            loop.run(report, lambda done, total, count: None)
        else:
            with last.as_directory() as folder:
                state = Path(folder) / "state"
                if epochs_done(state) < segment.until:
                    loop.run(report, lambda done, total, count: None, resume_from=state)


def _node() -> str:
    return ray.get_runtime_context().get_node_id()


def epochs_done(state: Path) -> int:
    """How far the checkpoint in a folder is."""
    return int(json.loads((state / "state.json").read_text())["epochs_done"])


def work_on(settings: dict[str, Any]) -> None:
    """What Ray Train calls."""
    train_segment(settings["segment"])
