"""Fading that differs from band to band: a tapped delay line with an exponential power delay profile.

Shapes: `...` paths, F bands.
"""

from typing import NamedTuple

import numpy as np

from benchmarks.worlds.families.laws import LEAST_FADING
from gfm_ra.units import linear_to_db

_TAPS_PER_SPREAD, _SPREADS = 8, 6


class DelayLine(NamedTuple):
    """Taps 1/8 of the delay spread apart, out to six delay spreads; the first one is at the delay of the sight path."""

    spread_s: float  # mean square delay spread of a profile that never ends

    @property
    def delay_s(self) -> np.ndarray:
        """Delays of the taps, [T]."""
        return np.arange(_TAPS_PER_SPREAD * _SPREADS) * self.spread_s / _TAPS_PER_SPREAD

    @property
    def share(self) -> np.ndarray:
        """Mean powers of the taps, [T], sum 1."""
        power = np.exp(-self.delay_s / self.spread_s)
        return power / power.sum()

    def correlation(self, apart_hz: np.ndarray) -> np.ndarray:
        """Complex correlation of the scattered channel at frequencies so far apart, any shape."""
        turns = np.exp(-2j * np.pi * np.asarray(apart_hz)[..., None] * self.delay_s)
        return (turns * self.share).sum(-1)

    @property
    def coherence_hz(self) -> float:
        """How far apart the powers of two frequencies have a correlation of 1/2, for a profile that never ends."""
        return 1.0 / (2.0 * np.pi * self.spread_s)

    def fading_db(
        self, factor: np.ndarray, frequency_hz: np.ndarray, generator: np.random.Generator
    ) -> np.ndarray:
        """Rice fading of mean power 1 at frequencies [F], with K factors [...] (0: Rayleigh), [..., F]."""
        phase = np.exp(2j * np.pi * generator.random(factor.shape))
        taps = generator.standard_normal((*factor.shape, len(self.delay_s), 2)) @ np.array([1.0, 1j])
        turns = np.exp(-2j * np.pi * self.delay_s[:, None] * frequency_hz)  # [T, F]
        scattered = (taps * np.sqrt(0.5 * self.share)) @ turns  # [..., F]
        direct = np.sqrt(factor / (1.0 + factor)) * phase
        found = direct[..., None] + np.sqrt(1.0 / (1.0 + factor))[..., None] * scattered
        return linear_to_db(np.maximum(np.abs(found) ** 2, LEAST_FADING))
