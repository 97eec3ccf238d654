"""What the network is told beside gains and goal: how well gains are known, and that rates count per power spent."""

from typing import NamedTuple

import numpy as np

from gfm_ra.energy import EnergyEfficiency, energy_goal
from gfm_ra.goals import Objective


class Contract(NamedTuple):
    """For B networks; None where nothing is said."""

    uncertainty_db: np.ndarray | None = None  # float32 [B, K, K]: standard deviation of known gains
    at_most_db: np.ndarray | None = (
        None  # float32 [B, K, K]: limits of unknown gains, inf where there is none
    )
    circuit_power: np.ndarray | None = None  # float32 [B]: per link, in full powers that are radiated
    each: np.ndarray | None = (
        None  # float32 [B]: 1 where a link's rate counts per its own power, 0 per all power
    )


NOTHING = Contract()
"""Of which nothing is said."""


def contract_of(
    goal: Objective,
    count: int,
    uncertainty_db: np.ndarray | None = None,
    at_most_db: np.ndarray | None = None,
) -> Contract:
    """What B networks under a goal are told."""
    energy: EnergyEfficiency | None = energy_goal(goal)
    if energy is None:
        return (
            Contract(uncertainty_db, at_most_db)
            if uncertainty_db is not None or at_most_db is not None
            else NOTHING
        )
    # c_k = (p_k + efficiency * circuit_power) / efficiency: the common factor moves no maximum.
    radiated = energy.amplifier_efficiency * energy.circuit_power
    return Contract(
        uncertainty_db,
        at_most_db,
        np.full(count, radiated, np.float32),
        np.full(count, energy.kind == "weighted-sum", np.float32),
    )
