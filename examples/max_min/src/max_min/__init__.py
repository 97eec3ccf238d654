"""A goal, the worst link's rate, and an allocator that sets every power alike: what another package can add."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MaxMin:
    """The smallest rate of all links.

    `sharpness` says how many links count in the slope: the higher it is, the more the worst one alone.
    """

    sharpness: float = 4.0
    name = "max-min"

    def utility(self, rates: np.ndarray, power: np.ndarray | None = None) -> np.ndarray:
        """The smallest rate, [...], of rates [..., K]."""
        return rates.min(-1)

    def slope(self, rates: np.ndarray) -> np.ndarray:
        """How much each link's rate matters, [..., K]; with it WMMSE works for this goal."""
        above = rates - rates.min(-1, keepdims=True)
        share = np.exp(-self.sharpness * above)
        return share / share.sum(-1, keepdims=True)


class EverybodyAt:
    """Half of full power for everybody."""

    name = "everybody-at"

    def allocate(self, network: object = None, *, gain_db: object = None, **_: object) -> np.ndarray:
        """Powers [..., K] for gains in dB [..., K, K]."""
        return np.full(np.shape(gain_db)[:-1], 0.5, dtype=np.float32)


def everybody_at() -> EverybodyAt:
    """What `gfm_ra.load("everybody-at")` gives."""
    return EverybodyAt()
