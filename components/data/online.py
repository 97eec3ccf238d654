"""Snapshots that nobody stores: drawn anew for every batch of every epoch, on the device that trains on them."""

import hashlib
from abc import ABC, abstractmethod

import numpy as np
import torch
from torch import Tensor

from components.channel.scenario import Scenario
from components.channel.torch_rng import torch_stream
from components.channel.torch_simulator import draw_gain_db
from components.channel.worlds.distribution import WorldDistribution

_FULL_LINKS, _MOST_TIMES = 50, 4  # links from which a batch is no larger, and how much larger it is at most


class Online(ABC):
    """A training set of `len` snapshots per epoch that are drawn when a batch needs them."""

    @abstractmethod
    def __len__(self) -> int:
        """Snapshots per epoch."""

    @abstractmethod
    def draw(self, count: int, purpose: str, epoch: int, number: int, rank: int) -> Tensor:
        """New snapshots for batch `number` of an epoch on one rank, gain_db [B, K, K] float32 on the device, B at least
        `count`."""


class OnlineSnapshots(Online):
    """Stands for a training set of `count` snapshots per epoch that never come a second time.

    Training draws each batch from a stream of its own (`draw`), keyed by what the batch is for; a resumed run draws the
    same again. A slice is a fixed sample, for validation and for statistics: the same rows give the same snapshots.
    """

    def __init__(self, scenario: Scenario, count: int, seed: int, device: torch.device) -> None:
        self.scenario, self.count, self.seed, self.device = scenario, count, seed, device

    def __len__(self) -> int:
        return self.count

    def draw(self, count: int, purpose: str, epoch: int, number: int, rank: int) -> Tensor:
        """New snapshots for batch `number` of an epoch on one rank, gain_db [count, K, K] float32 on the device."""
        return self._draw(count, "batch", purpose, epoch, number, rank)

    def __getitem__(self, rows: slice) -> Tensor:
        """The fixed sample of these rows, gain_db [B, K, K] float32 on the device."""
        chosen = np.arange(self.count, dtype=np.int64)[rows]
        return self._draw(len(chosen), hashlib.sha256(chosen.tobytes()).hexdigest())

    def _draw(self, count: int, *key: str | int) -> Tensor:
        generator = torch_stream(self.seed, "fresh", self.scenario.name, *key, device=self.device)
        return draw_gain_db(self.scenario, count, generator)


class OnlineWorlds(Online):
    """Networks of many worlds and sizes: every batch is of one family and one number of links, drawn with it.

    Networks of few links take less time each: a batch holds up to four times as many of them.
    """

    def __init__(self, worlds: WorldDistribution, count: int, seed: int, device: torch.device) -> None:
        self.worlds, self.count, self.seed, self.device = worlds, count, seed, device

    def __len__(self) -> int:
        return self.count

    def draw(self, count: int, purpose: str, epoch: int, number: int, rank: int) -> Tensor:
        """New networks for batch `number` of an epoch on one rank, gain_db [B, K, K] float32 on the device, B at least
        count."""
        key = ("worlds", purpose, epoch, number)
        # Ranks share the size, so that none waits for another.
        generator = torch_stream(self.seed, *key)
        family = self.worlds.draw_family(generator)
        links = self.worlds.draw_links(family, generator)
        own = torch_stream(self.seed, *key, rank, device=self.device)
        times = min(_MOST_TIMES, max(1, _FULL_LINKS // links))
        return self.worlds.draw_of(family, times * count, links, own)
