"""WMMSE of the penalised problem from many starts, weights of missed least rates going up and of met ones down.

It shares nothing with the iterations of `gfm_ra.slices` but the last step: least powers for the links with a least
rate, and a scaling of the others, from the linear system.
"""

import numpy as np

from gfm_ra.goals import SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse

STARTS, ROUNDS, ITERATIONS = 20, 150, 5
_STEP, _FLOOR = 0.5, 1e-3


def oracle(gain: np.ndarray, urllc: int, rate: float, seed: int) -> np.ndarray:
    """The best sum rate of the other links [N] that is met on the way, all least rates met.

    gain : float64 [N, K, K], of which the first `urllc` links can all have `rate`.
    """
    count, links, _ = gain.shape
    rng, best = np.random.default_rng(seed), np.zeros(count)
    fits = _Fit(gain, urllc, rate)
    for start in range(STARTS):
        power = np.ones((count, links)) if start == 0 else rng.random((count, links))
        extra = np.full((count, urllc), 1.0)
        for _ in range(ROUNDS):
            weights = np.concatenate([extra, np.ones((count, links - urllc))], axis=1)
            begin = np.maximum(power, _FLOOR)
            goal = Weighted(SumRate(), weights)
            power = wmmse(gain, goal, iterations=ITERATIONS, initial_power=begin).astype(np.float64)
            best = np.maximum(best, fits.others(power))
            own = spectral_efficiency(power, gain)[:, :urllc]
            extra = np.clip(extra * (rate / np.maximum(own, 1e-3)) ** _STEP, 1e-3, 1e3)
    return best


class _Fit:
    """The least powers of the first links beside given powers of the others."""

    def __init__(self, gain: np.ndarray, urllc: int, rate: float) -> None:
        self._gain, self._urllc = gain, urllc
        own = np.diagonal(gain, axis1=-2, axis2=-1)[:, :urllc]
        needed = np.expm1(rate * np.log(2.0)) / own
        among = gain[:, :urllc, :urllc] * (1.0 - np.eye(urllc))
        self._response = np.linalg.inv(np.eye(urllc) - needed[..., None] * among) * needed[:, None]
        self._alone = np.minimum(self._response.sum(-1), 1.0)

    def others(self, power: np.ndarray) -> np.ndarray:
        """Sum rate [N] of the others, scaled down from powers [N, K] as far as the least rates need."""
        urllc, others = self._urllc, power[:, self._urllc :]
        heard = np.einsum("nuk,nk->nu", self._gain[:, :urllc, urllc:], others)
        more = np.einsum("nuv,nv->nu", self._response, heard)
        room = np.where(more > 0, (1.0 - self._alone) / np.where(more > 0, more, 1.0), np.inf)
        scale = np.clip(room.min(-1, keepdims=True), 0.0, 1.0)
        first = np.minimum(self._alone + scale * more, 1.0)
        fitted = np.concatenate([first, scale * others], axis=1)
        return spectral_efficiency(fitted, self._gain)[:, urllc:].sum(-1)
