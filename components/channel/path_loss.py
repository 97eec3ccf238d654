"""Path loss over distance: two slopes that meet at a breakpoint."""

import math
from dataclasses import dataclass

import numpy as np

from components.channel.scenario import PathLossName
from gfm_ra.units import LIGHT_SPEED_M_PER_S

CLAMP_M = 1.0
"""Shorter distances count as this one: the models do not hold in the near field."""
# What ITU-R P.1411 is evaluated for: both antennas' height and gain, and the carrier.
_HEIGHT_M, _ANTENNA_GAIN_DBI, _FREQUENCY_HZ = 1.5, 2.5, 2.4e9


@dataclass(frozen=True)
class TwoSlopes:
    """Loss of 20 dB per decade up to `breakpoint_m` and of 40 dB per decade beyond, continuous there."""

    loss_at_1m_db: float
    breakpoint_m: float

    def loss_db(self, distance_m: np.ndarray | float) -> np.ndarray:
        """Path loss in dB at distances in metres, any shape; distances below 1 m count as 1 m."""
        distance = np.maximum(distance_m, CLAMP_M)
        beyond = np.maximum(distance / self.breakpoint_m, 1.0)
        return self.loss_at_1m_db + 20.0 * np.log10(distance) + 20.0 * np.log10(beyond)


def dual_slope() -> TwoSlopes:
    """39 + 20 log10 d up to 100 m and 39 + 40 log10 d - 40 beyond: the scenarios' default."""
    return TwoSlopes(loss_at_1m_db=39.0, breakpoint_m=100.0)


def itu1411() -> TwoSlopes:
    """ITU-R P.1411 line of sight, median between its bounds; both antennas' gain is counted on every path.

    Rbp = 4 h^2 / lambda, Lbp = |20 log10(lambda^2 / (8 pi h^2))|, loss = Lbp + 6 + 20 log10(d / Rbp), plus
    another 20 log10(d / Rbp) beyond Rbp.
    """
    wavelength_m = LIGHT_SPEED_M_PER_S / _FREQUENCY_HZ
    breakpoint_m = 4.0 * _HEIGHT_M**2 / wavelength_m
    at_breakpoint_db = abs(20.0 * math.log10(wavelength_m**2 / (8.0 * math.pi * _HEIGHT_M**2)))
    at_1m_db = at_breakpoint_db + 6.0 - 20.0 * math.log10(breakpoint_m) - 2.0 * _ANTENNA_GAIN_DBI
    return TwoSlopes(loss_at_1m_db=at_1m_db, breakpoint_m=breakpoint_m)


def path_loss(name: PathLossName) -> TwoSlopes:
    """Model that a scenario names."""
    return dual_slope() if name == "dual-slope" else itu1411()
