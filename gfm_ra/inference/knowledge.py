"""What a network was trained for, and what is refused beyond that."""

from gfm_ra.energy import energy_goal
from gfm_ra.goal_family import is_ours
from gfm_ra.goals import Objective
from gfm_ra.inference.answers import PowerNetwork
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.network.unrolled import ENERGY_EFFICIENCY, UNCERTAINTY, UnrolledNetwork


def check_known(
    network: PowerNetwork, name: str, goal: Objective, effort: Effort, unknown: bool, uncertain: bool
) -> None:
    """Refuse unknown or uncertain gains and energy efficiency where a network of that name knows nothing of them.

    Raises ValueError; one line says what.
    """
    knows = network.knows if isinstance(network, UnrolledNetwork) else frozenset()
    if unknown and not network.takes_unknown:
        raise ValueError(f"allocate: {name} needs every gain, but some are NaN (unknown)")
    if uncertain and UNCERTAINTY not in knows:
        raise ValueError(
            f"allocate: {name} knows nothing of uncertain gains: load newer weights, or make the Network without "
            "uncertainty_db and at_most_db"
        )
    if energy_goal(goal) is None:
        if uncertain and not is_ours(goal):
            raise ValueError("allocate: uncertain gains go with the goals of this package alone")
        return
    if ENERGY_EFFICIENCY in knows:
        return
    if uncertain:
        raise ValueError(
            f"allocate: {name} knows no energy efficiency of uncertain gains: load newer weights"
        )
    if effort == "fast":
        raise ValueError("allocate: the network does not know energy efficiency yet: effort balanced or best")
    if unknown:
        raise ValueError(
            "allocate: energy efficiency needs every gain, but some are NaN (unknown): the network does not know it yet"
        )
