"""What another package can add: a goal (the worst link's rate), a way to set powers (all alike), a world (a ring)."""

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

    any_goal, takes_unknown = True, True

    def powers(self, gain_db: np.ndarray, prompt: object, threads: int | None = None) -> np.ndarray:
        """Powers [B, K] for gains in dB [B, K, K]; `prompt` holds the goal's numbers and weights."""
        return np.full(gain_db.shape[:2], 0.5, dtype=np.float32)


def everybody_at() -> EverybodyAt:
    """What `gfm_ra.load("everybody-at")` asks."""
    return EverybodyAt()


def ring(count: int, seed: int) -> np.ndarray:
    """A world: linear gains [count, 8, 8] of links on a ring, which disturb their neighbours most."""
    place = np.arange(8)
    distance = np.abs(place[:, None] - place)
    distance = np.minimum(distance, 8 - distance)
    fading = np.random.default_rng(seed).exponential(1.0, (count, 8, 8))
    return 1000.0 * fading / (1.0 + distance) ** 3
