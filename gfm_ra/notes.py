"""What the reader of an answer should know, a line each."""

import numpy as np

from gfm_ra.goals import Objective
from gfm_ra.inference.comparison import Effort
from gfm_ra.network import Network

MOST_LINKS = 20
"""Links that are named one by one."""


def unreachable(network: Network, min_rate: float) -> list[str]:
    """Links that stay below a least rate (bit/s/Hz) even alone at full power."""
    own = np.diagonal(network.flattened().gain, axis1=-2, axis2=-1)
    alone = np.log1p(own.astype(np.float64)) / np.log(2.0)  # [B, K]
    places = np.argwhere(alone < min_rate)
    lines = []
    for index, link in places[:MOST_LINKS]:
        where = f"link {link}" if network.shape == () else f"network {index}, link {link}"
        lines.append(
            f"{where}: the least rate of {min_rate:g} bit/s/Hz is out of reach, alone at full power it has "
            f"{alone[index, link]:.3g}"
        )
    if len(places) > MOST_LINKS:
        lines.append(f"{len(places) - MOST_LINKS} further links cannot reach {min_rate:g} bit/s/Hz either")
    return lines


def foreign(goal: Objective, effort: Effort) -> str:
    """How a goal was treated that the network has no words for."""
    name = getattr(goal, "name", type(goal).__name__)
    said = f"{name} is no goal that the network knows: it was asked for sum rate"
    if effort == "fast":
        return f"{said}, and nothing was compared"
    if callable(getattr(goal, "slope", None)):
        return f"{said}; WMMSE took its slopes step by step"
    return f"{said}; it has no slope(rates), so that only finished answers were compared by its utility"
