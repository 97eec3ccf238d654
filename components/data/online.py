"""Snapshots that nobody stores: drawn anew for every batch of every epoch, on the device that trains on them."""

import hashlib

import numpy as np
import torch
from torch import Tensor

from components.channel.torch_rng import torch_stream
from components.channel.scenario import Scenario
from components.channel.torch_simulator import draw_gain_db


class OnlineSnapshots:
    """Looks like a training set of `count` snapshots; what a batch holds depends on (seed, scenario, rows) alone.

    The rows of a batch differ in every epoch, and so do its snapshots; a resumed run draws the same again.
    """

    def __init__(self, scenario: Scenario, count: int, seed: int, device: torch.device) -> None:
        self.scenario, self.count, self.seed, self.device = scenario, count, seed, device

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: np.ndarray | slice) -> Tensor:
        """As many snapshots as there are rows, gain_db [B, K, K] float32 on the device."""
        chosen = np.arange(self.count)[rows] if isinstance(rows, slice) else rows
        digest = hashlib.sha256(np.ascontiguousarray(chosen, dtype=np.int64).tobytes()).hexdigest()
        generator = torch_stream(self.seed, "fresh", self.scenario.name, digest, device=self.device)
        return draw_gain_db(self.scenario, len(chosen), generator)
