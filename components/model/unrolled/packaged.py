"""The unrolled network's weights as the compiled core's side reads them."""

from pathlib import Path
from typing import Any

import numpy as np

from components.model.unrolled.network import UnrolledNetwork


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
