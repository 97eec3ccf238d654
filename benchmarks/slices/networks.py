"""Networks that the comparison is made on, and the static partition that it is made with.

Shapes: N networks, K links, the first U of them the URLLC slice; gains linear, over noise at full power.
"""

from dataclasses import replace

import numpy as np

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.exact import max_min
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.solvers.proofs.least_rates import least_powers

SEED = 1
HOME = ("D16", "D18", "D20")
_HALVINGS = 40


def home(links: int, count: int) -> np.ndarray:
    """Gains float64 [N, K, K]: so many networks in all of D16, D18 and D20 with K links at their own densities."""
    parts = np.array_split(np.arange(count), len(HOME))
    drawn = []
    for name, part in zip(HOME, parts, strict=True):
        base = SCENARIOS[name]
        area = base.area_m * float(np.sqrt(links / base.links))
        drawn.append(simulate(replace(base, links=links, area_m=area), len(part), SEED))
    return np.concatenate(drawn).astype(np.float64)


def time_part(gain: np.ndarray, rate: float) -> np.ndarray:
    """The least part of the time [N] in which links of gain [N, U, U] alone get a mean of `rate` each; exact."""
    return 1.0 / np.asarray(max_min(gain, rate)[1])


def band_part(gain: np.ndarray, rate: float) -> np.ndarray:
    """The same of the band, where full power goes into that part, over as much less noise; by halving, 1 at most."""
    low, high = np.zeros(len(gain)), np.ones(len(gain))
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        rates = np.broadcast_to((rate / middle)[:, None], gain.shape[:-1])
        met = least_powers(gain / middle[:, None, None], rates)[1]
        low, high = np.where(met, low, middle), np.where(met, middle, high)
    return high


def partitioned(gain: np.ndarray, part: np.ndarray, narrower: bool, starts: int) -> np.ndarray:
    """Sum rates [N] of links gain [N, E, E] by WMMSE in what a part [N] of the time or of the band leaves.

    narrower : whether it is of the band.
    """
    left = np.clip(1.0 - part, 1e-9, 1.0)
    scaled = gain / left[:, None, None] if narrower else gain
    power = wmmse(scaled, starts=starts).astype(np.float64)
    return left * spectral_efficiency(power, scaled).sum(-1)
