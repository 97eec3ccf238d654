"""Which snapshots form which batch, on which rank: a pure function of (seed, epoch), so no state to save."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from components.data.online import OnlineSnapshots
from components.channel.rng import stream

# A training set: gain_db [N, K, K] as it is stored, or drawn anew for every batch.
Snapshots = np.ndarray | OnlineSnapshots


@dataclass(frozen=True)
class Group:
    """This process's place among the training processes."""

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


@dataclass(frozen=True)
class Batch:
    """Snapshots `rows` of data set number `source`; every batch holds graphs of one K only."""

    source: int
    rows: np.ndarray  # [B] int


def plan_epoch(counts: Sequence[int], batch_size: int, seed: int, purpose: str, epoch: int) -> list[Batch]:
    """Shuffle every data set, cut it into batches of one data set each and shuffle the batches.

    Args:
        counts: number of snapshots of each data set.
        batch_size: snapshots per batch over all ranks; the rest of a data set forms a smaller batch.
        seed: the run's seed.
        purpose: what the stream is for ("pretrain", "finetune").
        epoch: number of the epoch.
    """
    generator = stream(seed, purpose, "batches", epoch)
    batches = []
    for source, count in enumerate(counts):
        order = generator.permutation(count)
        batches += [Batch(source, order[start : start + batch_size]) for start in range(0, count, batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def take(sources: Sequence[Snapshots], batch: Batch, group: Group) -> Tensor:
    """This rank's part of a batch as gain_db [B / world_size, K, K] float32.

    All ranks get the same number of snapshots, at least one; a remainder is dropped (it comes back in another
    epoch's shuffle) so that averaging gradients over ranks is averaging over snapshots.
    """
    share = max(1, len(batch.rows) // group.world_size)
    rows = np.resize(batch.rows, share * group.world_size)[group.rank :: group.world_size]
    return torch.as_tensor(sources[batch.source][rows]).to(group.device).float()
