"""What an allocator answers."""

from dataclasses import dataclass, field

import numpy as np

from gfm_ra.goals import Objective, QoS, Weighted
from gfm_ra.units import w_to_dbm


@dataclass(frozen=True)
class Allocation:
    """Powers, and what they lead to. `...` are the leading dimensions of the gains, none for a single network."""

    power: np.ndarray
    """[..., K], parts of full power in [0, 1]."""
    rate: np.ndarray
    """[..., K], bit/s/Hz; NaN for networks with unknown gains."""
    utility: np.ndarray
    """[...], of the goal; NaN for networks with unknown gains."""
    source: np.ndarray
    """[...], where the powers come from: model, refined, wmmse, full-reuse or exact, "model, unchecked" with unknown
    gains."""
    below_min_rate: np.ndarray
    """[...], how many links stay below the goal's least rate; 0 for goals without one."""
    notes: tuple[str, ...] = ()
    """What the reader of the powers should know, a line each."""
    transmit_power_w: np.ndarray | None = field(default=None, repr=False)
    """[..., K], full power in watts, where the network knows it."""
    gap: np.ndarray | None = None
    """[...], how far the utility is from a proven upper bound, if asked for (`certify`): relative; for proportional
    fairness in mean log rate, for QoS relative to the utility above that of a silent network."""

    @property
    def power_dbm(self) -> np.ndarray | None:
        """Powers in dBm, [..., K]; minus infinity for a silent link; None unless the network knows full powers."""
        return None if self.transmit_power_w is None else w_to_dbm(self.power * self.transmit_power_w)


def missed(rate: np.ndarray, goal: Objective) -> np.ndarray:
    """How many links stay below the goal's least rate, [B], of rates [B, K]."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    if not isinstance(plain, QoS):
        return np.zeros(len(rate), dtype=int)
    # A rate that rounding puts below the least rate does not miss it; NaN misses nothing.
    return np.asarray((rate < plain.min_rate * (1 - 1e-5)).sum(-1))
