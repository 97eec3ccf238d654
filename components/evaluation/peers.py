"""Learned allocators of the literature that results are compared with: how they are kept, and what they answer.

Each is trained for the sum rate, in a world of its own. Shapes: N networks, K links.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from components.config import Strict
from components.data.shards import json_text
from components.model.inference import allocate_batches
from components.model.pcgnn.network import PCGNN, PCGNNConfig, fresh_pcgnn
from components.model.unfolded_wmmse.network import (
    UnfoldedWMMSE,
    UnfoldedWMMSEConfig,
    fresh_unfolded_wmmse,
)
from components.training.checkpoint import (
    CONFIG_NAME,
    MODEL_NAME,
    load_weights,
    read_model_card,
    save_tensors,
)
from gfm_ra.units import to_gain_db

PeerName = Literal["pcgnn", "unfolded_wmmse"]
PeerModel = PCGNN | UnfoldedWMMSE
TITLES: dict[PeerName, str] = {"pcgnn": "PCGNN", "unfolded_wmmse": "unfolded WMMSE"}
GOAL = "sum-rate"
"""What all of them are trained for."""


class PeerCard(Strict):
    """What a trained peer is, and what it has learnt from."""

    peer: PeerName
    run: int = Field(ge=0)
    world: str
    links: int
    samples: int
    training_time: str

    @property
    def title(self) -> str:
        """Its name in tables."""
        return f"{TITLES[self.peer]}, run {self.run}"


def fresh_peer(peer: PeerName, seed: int) -> PeerModel:
    """An untrained one of the published size."""
    if peer == "pcgnn":
        return fresh_pcgnn(PCGNNConfig(), seed)
    return fresh_unfolded_wmmse(UnfoldedWMMSEConfig(), seed)


def save_peer(folder: Path, model: PeerModel, card: PeerCard) -> None:
    """Write weights and card into an existing folder."""
    save_tensors(folder / MODEL_NAME, dict(model.state_dict()))
    (folder / CONFIG_NAME).write_text(json_text(card.model_dump(mode="json")))


def load_peer(folder: Path) -> tuple[PeerModel, PeerCard]:
    """Read what `save_peer` wrote.

    Raises:
        DataError: files are missing or damaged.
    """
    card = read_model_card(folder, PeerCard, "holds no trained peer")
    model = fresh_peer(card.peer, 0)
    load_weights(model, folder / MODEL_NAME)
    return model.eval(), card


def answer(model: PeerModel, gain: np.ndarray) -> np.ndarray:
    """Powers [N, K] for gain [N, K, K], linear over noise at full power."""
    return allocate_batches(model, to_gain_db(gain))
