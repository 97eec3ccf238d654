"""Rates over bands."""

import numpy as np

from gfm_ra.rates import spectral_efficiency


def rates(gain: np.ndarray, power: np.ndarray, per_band: bool = False) -> np.ndarray:
    """Rates in bit/s/Hz of a band of powers [..., F, K]: sums over bands, float64 [..., K], or [..., F, K] `per_band`.

    gain: [..., F, K, K]. Raises ValueError for what does not fit.
    """
    gains, powers = np.asarray(gain), np.asarray(power)
    if gains.ndim < 3 or powers.ndim < 2 or gains.shape[-3] != powers.shape[-2]:
        raise ValueError(
            f"bands.rates: gain must be [..., F, K, K] and power [..., F, K], got {gains.shape} and {powers.shape}"
        )
    found = spectral_efficiency(powers.astype(np.float64), gains.astype(np.float64))
    return found if per_band else found.sum(-2)
