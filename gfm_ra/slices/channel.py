"""Networks as the methods for slices compute with them, in float64."""

import math

import numpy as np

_PER_LN2 = 1.0 / math.log(2.0)


class Channel:
    """B networks of K links: gains, and what powers lead to."""

    def __init__(self, gain: np.ndarray) -> None:
        """gain : [B, K, K], linear, all known."""
        self.gain = np.asarray(gain, dtype=np.float64)
        self.own = np.diagonal(self.gain, axis1=-2, axis2=-1)  # [B, K]
        self.crossing = np.where(np.eye(gain.shape[-1], dtype=bool), 0.0, self.gain)
        self._to_transmitters = np.swapaxes(self.crossing, -1, -2)

    def __getitem__(self, rows: np.ndarray) -> "Channel":
        """Some of the networks."""
        return Channel(self.gain[rows])

    def disturbance(self, power: np.ndarray) -> np.ndarray:
        """Interference and noise at every receiver under powers [B, K]."""
        return 1.0 + (self.crossing @ power[..., None])[..., 0]

    def at_transmitters(self, price: np.ndarray) -> np.ndarray:
        """What every transmitter's power costs where disturbance costs price [B, K]."""
        return (self._to_transmitters @ price[..., None])[..., 0]

    def rates(self, power: np.ndarray) -> np.ndarray:
        """Rate of every link under powers [B, K], bit/s/Hz."""
        return np.log1p(self.own * power / self.disturbance(power)) * _PER_LN2
