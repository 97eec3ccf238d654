"""The answers to the parts of a batch as one."""

import numpy as np

from gfm_ra.goals import Objective
from gfm_ra.inference.allocation import Allocation
from gfm_ra.network import Network


def together(
    parts: list[Allocation], network: Network, notes: tuple[str, ...], goal: Objective
) -> Allocation:
    """The answers to the parts of a batch, in the shape of its networks."""
    shape, links = network.shape, network.links

    def joined(name: str) -> np.ndarray:
        if len(parts) == 1:
            return getattr(parts[0], name)
        return np.concatenate([getattr(part, name) for part in parts])

    return Allocation(
        joined("power").reshape(*shape, links),
        joined("rate").reshape(*shape, links),
        joined("utility").reshape(shape)[()],
        joined("source").astype(str).reshape(shape)[()],
        joined("below_min_rate").reshape(shape)[()],
        notes,
        network.transmit_power_w,
        network,
        goal,
        None if parts[0].gap is None else joined("gap").reshape(shape)[()],
    )
