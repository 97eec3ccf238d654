"""What an allocator answers."""

from dataclasses import dataclass, field

import numpy as np

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
    """[...], where the powers come from: model, refined, wmmse, energy-efficient or full-reuse, "model, unchecked" with
    unknown gains."""
    below_min_rate: np.ndarray
    """[...], how many links stay below the goal's least rate; 0 for goals without one."""
    notes: tuple[str, ...] = ()
    """What the reader of the powers should know, a line each."""
    transmit_power_w: np.ndarray | None = field(default=None, repr=False)
    """[..., K], full power in watts, where the network knows it."""

    @property
    def power_dbm(self) -> np.ndarray | None:
        """Powers in dBm, [..., K]; minus infinity for a silent link; None unless the network knows full powers."""
        return None if self.transmit_power_w is None else w_to_dbm(self.power * self.transmit_power_w)
