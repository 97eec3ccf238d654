"""Which snapshots form which batch, on which rank: a pure function of (seed, epoch), so no state to save."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from components.channel.rng import stream
from components.data.online import Online, OnlineSnapshots

# A training set: gain_db [N, K, K] as it is stored, or drawn anew for every batch.
Snapshots = np.ndarray | OnlineSnapshots
# What a loop can train on: also networks of many sizes.
TrainingSet = np.ndarray | Online
# A pass without gradients takes some 200 bytes for each gain: less than a gigabyte, however many links. A batch of
# Table I's 512 graphs of 80 links stays whole.
_LARGEST_PART_GAINS = 2**22


@dataclass(frozen=True)
class Group:
    """This process's place among the training processes."""

    rank: int = 0
    world_size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


class Place(NamedTuple):
    """Where in a run a batch stands; online snapshots are keyed by it."""

    purpose: str
    epoch: int
    number: int  # in the epoch


@dataclass(frozen=True)
class Batch:
    """Snapshots `rows` of data set number `source`; every batch holds graphs of one K only."""

    source: int
    rows: np.ndarray  # [B] int
    place: Place | None = None  # None for what is not part of training


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
    order = generator.permutation(len(batches))
    return [replace(batches[i], place=Place(purpose, epoch, number)) for number, i in enumerate(order)]


def plan_steps(
    counts: Sequence[int], batch_size: int, seed: int, purpose: str, first: int, steps: int
) -> list[Batch]:
    """Batches `first` to `first + steps` of a run that passes over the data again and again.

    Passes are those of `plan_epoch`. Empty if there is no data.
    """
    in_a_pass = sum(-(-count // batch_size) for count in counts)
    found: list[Batch] = []
    while in_a_pass and len(found) < steps:
        number, within = divmod(first + len(found), in_a_pass)
        passed = plan_epoch(counts, batch_size, seed, purpose, number)
        found += passed[within : within + steps - len(found)]
    return found


def take(sources: Sequence[TrainingSet], batch: Batch, group: Group) -> Tensor:
    """This rank's part of a batch as gain_db [B / world_size, K, K] float32.

    All ranks get the same number of snapshots, at least one; a remainder is dropped (it comes back in another
    epoch's shuffle) so that averaging gradients over ranks is averaging over snapshots. Of an online data set only
    the number of rows counts: every batch of every epoch and rank has snapshots of its own.
    """
    share = max(1, len(batch.rows) // group.world_size)
    source = sources[batch.source]
    if isinstance(source, Online):
        if batch.place is None:
            raise ValueError("online snapshots are drawn for batches of a planned epoch only")
        return source.draw(share, *batch.place, group.rank).to(group.device)
    rows = np.resize(batch.rows, share * group.world_size)[group.rank :: group.world_size]
    return torch.as_tensor(source[rows]).to(group.device).float()


def links_of(gains: TrainingSet) -> int:
    """Number of links K of a data set.

    Raises ValueError for networks of many sizes.
    """
    if isinstance(gains, OnlineSnapshots):
        return gains.scenario.links
    if isinstance(gains, Online):
        raise ValueError("networks of many sizes have no one number of links")
    return gains.shape[-1]


def graphs_at_once(links: int) -> int:
    """How many graphs of K links go through a network together where no gradient is wanted, at least one."""
    return max(1, _LARGEST_PART_GAINS // links**2)
