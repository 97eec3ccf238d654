"""What the reader of an answer for several bands should know, a line each."""

import numpy as np

from gfm_ra.goals import Objective, QoS, Weighted
from gfm_ra.inference.comparison import Effort
from gfm_ra.network import Network

_HALVINGS = 60


def notes_of(network: Network, goal: Objective, effort: Effort, refused: np.ndarray) -> list[str]:
    """Lines for networks with limits; refused : [B] bool, where an answer of the model was none."""
    found = []
    plain = goal.objective if isinstance(goal, Weighted) else goal
    if isinstance(plain, QoS):
        hopeless = int((rates_alone(network) < plain.min_rate).sum())
        if hopeless:
            found.append(
                f"{hopeless} link{'s' * (hopeless > 1)} cannot reach {plain.min_rate:g} bit/s/Hz alone with all they "
                "may spend"
            )
    if refused.any():
        found.append(
            f"the network's own answer was out of limits for {int(refused.sum())} networks: it was not used"
        )
    if network.survey.unknown and effort != "fast":
        found.append("networks with unknown gains were answered as effort fast: nothing could be compared")
    return found


def rates_alone(network: Network) -> np.ndarray:
    """Largest rates [..., K] of links that have all bands and budgets for themselves, bit/s/Hz, by water-filling."""
    limits = network.limits
    assert limits is not None, "networks with limits are asked about"
    gain = network.gain if network.bands else network.gain[..., None, :, :]
    own = np.diagonal(gain, axis1=-2, axis2=-1).astype(np.float64)  # [..., F, K]
    budget = limits.total
    if limits.groups:
        budget = np.where(
            limits.group >= 0, np.minimum(budget, limits.group_total[..., limits.group]), budget
        )
    floor = 1.0 / np.maximum(own, 1e-30)
    low, high = np.zeros_like(budget), floor.min(-2) + budget + 1.0
    for _ in range(_HALVINGS):
        level = (low + high) / 2
        fits = np.clip(level[..., None, :] - floor, 0.0, limits.per_band).sum(-2) <= budget
        low, high = np.where(fits, level, low), np.where(fits, high, level)
    power = np.clip(low[..., None, :] - floor, 0.0, limits.per_band)
    return np.log2(1.0 + own * power).sum(-2)
