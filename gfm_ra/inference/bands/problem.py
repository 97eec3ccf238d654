"""What is asked of networks of several bands, and what powers lead to.

Shapes: B networks, F bands, K links, G groups.
"""

import math

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.goals import Objective
from gfm_ra.inference.bands.repair import one_per_band, repaired

_BIT = 1.0 / math.log(2.0)


class Problem:
    """Gains [B, F, K, K], all known, what powers may be, and a goal of rates summed over bands."""

    def __init__(self, gain: np.ndarray, limits: PowerLimits, goal: Objective) -> None:
        """gain: linear, in units of noise, float32 or float64."""
        self.gain, self.limits, self.goal = gain.astype(np.float32), limits, goal
        exact = gain.astype(np.float64)
        self.own = np.diagonal(exact, axis1=-2, axis2=-1)  # [B, F, K]
        self.crossing = np.where(np.eye(gain.shape[-1], dtype=bool), 0.0, exact)

    @property
    def shape(self) -> tuple[int, int, int]:
        """B, F, K."""
        count, bands, links = self.own.shape
        return count, bands, links

    def interference(self, power: np.ndarray) -> np.ndarray:
        """What receivers hear of others, and noise, [B, F, K], at powers [B, F, K]."""
        return np.matmul(self.crossing, power.astype(np.float64)[..., None])[..., 0] + 1.0

    def rates(self, power: np.ndarray) -> np.ndarray:
        """Rates per band, bit/s/Hz, float64 [B, F, K], at powers [B, F, K]."""
        return np.log1p(self.own * power / self.interference(power)) * _BIT

    def rates_of(self, powers: np.ndarray) -> np.ndarray:
        """Rates per band [C, B, F, K] of several powers [C, B, F, K], by one product per network and band."""
        heard = np.moveaxis(np.matmul(self.crossing, np.moveaxis(powers, 0, -1)), -1, 0) + 1.0
        return np.log1p(self.own * powers / heard) * _BIT

    def better(self, rates: np.ndarray, than: np.ndarray) -> np.ndarray:
        """Which networks prefer rates per band to others, [B]; rates that are no numbers never win."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.goal.advantage(rates.sum(-2), than.sum(-2)) > 0)

    def repaired(self, power: np.ndarray) -> np.ndarray:
        """Powers within the limits, float32 [B, F, K]; who shares orthogonally is chosen by what a band is worth."""
        if self.limits.sharing.max(initial=-1) < 0:
            return repaired(power, self.limits)
        return repaired(power, self.limits, self._worth(power))

    def _worth(self, power: np.ndarray) -> np.ndarray:
        """What each band adds to each link's benefit, [B, F, K], were those it shares with silent.

        Bands are counted one after the other: what a link would be given in one makes the next worth less to it.
        """
        clean = np.where(np.isfinite(power) & (power > 0), power, 0.0)
        sharing = self.limits.sharing
        same = (sharing[:, None] == sharing[None, :]) & (sharing[:, None] >= 0)
        heard = np.matmul(np.where(same, 0.0, self.crossing), clean[..., None])[..., 0] + 1.0
        offered = np.log1p(self.own * clean / heard) * _BIT
        claims = [(clean[..., sharing == number] > 0).sum(-1) > 1 for number in range(int(sharing.max()) + 1)]
        contested = np.asarray(np.stack(claims).any(0))  # [B, F]
        total = np.where(contested[..., None], 0.0, offered).sum(1)  # [B, K]
        found = np.zeros_like(offered)
        for band in range(offered.shape[1]):
            gained = self.goal.benefit(total + offered[:, band]) - self.goal.benefit(total)
            found[:, band] = np.where(contested[:, band, None], gained, offered[:, band])
            kept = one_per_band(clean[:, band : band + 1], self.limits, found[:, band : band + 1])[:, 0] > 0
            total += np.where(contested[:, band, None] & kept, offered[:, band], 0.0)
        return found

    def value(self, each: np.ndarray) -> np.ndarray:
        """Benefit per bit/s/Hz that a band gives each link beside its other bands, [B, F, K], of rates per band."""
        return np.stack([self.value_in(band, each, each[:, band]) for band in range(each.shape[1])], axis=1)

    def value_in(self, band: int, each: np.ndarray, offered: np.ndarray) -> np.ndarray:
        """Benefit per bit/s/Hz of rates `offered` [B, K] in a band beside the rates in the others, [B, K]."""
        others = np.maximum(each.sum(1) - each[:, band], 0.0)
        goal = self.goal
        step = np.maximum(offered, 1e-3)
        value = (goal.benefit(others + step) - goal.benefit(others)) / step
        return np.maximum(value, 0.0)

    def best(self, candidates: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """The best of powers [B, F, K] of each network, and its number [B]; the first of equals."""
        power, number = candidates[0], np.zeros(len(self.gain), dtype=np.int64)
        rates = self.rates(power)
        for index, candidate in enumerate(candidates[1:], start=1):
            offered = self.rates(candidate)
            wins = self.better(offered, rates)[:, None, None]
            power, rates = np.where(wins, candidate, power), np.where(wins, offered, rates)
            number[wins[:, 0, 0]] = index
        return power, number
