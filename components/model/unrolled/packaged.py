"""The unrolled network's weights as the compiled core's side reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from gfm_ra.inference import unrolled
from gfm_ra.weights.card import read_card


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


def restore(folder: Path) -> UnrolledNetwork:
    """The network of a folder of packaged weights, ready to be trained further.

    What weights of before the present architecture do not have keeps its initial value.

    Raises:
        InputError: the folder holds no such weights, or they are damaged.
    """
    card = read_card(folder)
    sizes = card.text["network"]["architecture"]
    network = UnrolledNetwork(UnrolledConfig.model_validate(sizes))
    found = unrolled.read(card.network, sizes).weights
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in found.items()}
    network.load_state_dict(network.state_dict() | tensors)
    return network
