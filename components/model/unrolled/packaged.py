"""The unrolled network's weights as the compiled core's side reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from gfm_ra.inference.network import unrolled
from gfm_ra.weights.card import Card


def arrays(network: UnrolledNetwork) -> dict[str, np.ndarray]:
    """The weights by name, float32."""
    found = {
        name: value.detach().cpu().numpy().astype(np.float32) for name, value in network.state_dict().items()
    }
    return dict(sorted(found.items()))


def save(network: UnrolledNetwork, path: Path) -> None:
    """Write the weights as an .npz of float32 arrays, the same bytes every time."""
    np.savez(path, allow_pickle=False, **arrays(network))


def architecture(network: UnrolledNetwork) -> dict[str, Any]:
    """The sizes, as a card names them."""
    return network.config.model_dump(mode="json")


def load(card: Card) -> UnrolledNetwork:
    """The torch network of packaged weights; what older ones lack has its initial value.

    Raises:
        InputError: they are damaged, or of an architecture that this version does not compute.
    """
    sizes = card.text["network"].get("architecture", {})
    arrays_of = unrolled.read(card.network, sizes).weights
    network = UnrolledNetwork(UnrolledConfig.model_validate(sizes))
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays_of.items()})
    return network.eval()
