"""Rates that are expected where gains are uncertain or unknown: means over networks that fit the measurements.

Shapes: D draws, R networks (leading dimensions in one row), K links.
"""

import numpy as np

from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import db_to_linear, linear_to_db

_KEY = 20_552
"""Of the draws: the same ones for every plan."""
_STEP_BELOW_DB = 10.0


def drawn_gains_db(network: Network, draws: int) -> np.ndarray:
    """Gains that fit what is known, [D, R, K, K] in dB.

    Known gains get a normal error of their standard deviation. Unknown ones are drawn from the known gains between
    links of the same network that lie at or below their limit; where there is none, they lie 10 dB below the limit,
    and without a limit or any known gain between links at noise.
    """
    flat = network.flattened()
    known_db = flat.gain_db.astype(np.float64)  # [R, K, K]
    generator = np.random.default_rng(_KEY)
    deviation = np.zeros_like(known_db) if flat.uncertainty_db is None else flat.uncertainty_db
    found = known_db + deviation * generator.standard_normal((draws, *known_db.shape))
    limits = np.full_like(known_db, np.inf) if flat.at_most_db is None else flat.at_most_db
    for number in range(len(known_db)):
        unknown = np.isnan(known_db[number])  # [K, K]
        if unknown.any():
            between = known_db[number][~np.eye(flat.links, dtype=bool) & ~unknown]
            chances = generator.random((draws, int(unknown.sum())))
            found[:, number][:, unknown] = _below(
                between, limits[number][unknown].astype(np.float64), chances
            )
    return found


def _below(known_db: np.ndarray, limits_db: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """For each limit [U] and chance [D, U] one of the known gains [N] at or below it, [D, U]."""
    ordered = np.sort(known_db[np.isfinite(known_db)])
    counts = np.searchsorted(ordered, limits_db, side="right")  # [U]
    fallback = np.where(np.isfinite(limits_db), limits_db - _STEP_BELOW_DB, 0.0)
    if not len(ordered):
        return np.broadcast_to(fallback, chances.shape)
    place = np.minimum((chances * counts).astype(int), len(ordered) - 1)
    return np.where(counts > 0, ordered[place], fallback)


def estimated_gains_db(network: Network, draws: int = 128) -> np.ndarray:
    """The gains with unknown ones replaced by the mean power of `drawn_gains_db`, shaped as the network's."""
    shape = network.gain_db.shape
    mean_db = linear_to_db(db_to_linear(drawn_gains_db(network, draws)).mean(0)).reshape(shape)
    return np.where(np.isnan(network.gain_db), mean_db, network.gain_db)


def expected_rates(drawn_db: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Mean rates over draws [D, R, K, K] at powers [R, K], [R, K] in bit/s/Hz."""
    gain = db_to_linear(drawn_db)
    shape = gain.shape[:-1]  # [D, R, K]
    return spectral_efficiency(np.broadcast_to(power, shape), gain).mean(0)
