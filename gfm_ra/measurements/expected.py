"""Rates that are expected where gains are uncertain or unknown: means over networks that fit the measurements.

Shapes: D draws, R networks (leading dimensions in one row), K links, P powers.
"""

from collections.abc import Iterator

import numpy as np

from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import db_to_linear, linear_to_db

_KEY = 20_552
"""Of the draws: the same ones for every plan."""
_STEP_BELOW_DB = 10.0
_PART_GAINS = 2**18
"""Gains of the draws that are held at once, 2 MiB, unless one draw has more."""


def drawn_gains_db(network: Network, draws: int) -> Iterator[np.ndarray]:
    """Gains that fit what is known, D draws in parts [d, R, K, K] in dB; how many are in a part does not change them.

    Known gains get a normal error of their standard deviation. Unknown ones are drawn from the known gains between
    links of the same network that lie at or below their limit; where there is none, they lie 10 dB below the limit,
    and without a limit or any known gain between links at noise.
    """
    flat = network.flattened()
    known_db = flat.gain_db.astype(np.float64)  # [R, K, K]
    limits_db = np.full_like(known_db, np.inf) if flat.at_most_db is None else flat.at_most_db
    deviation_db = 0.0 if flat.uncertainty_db is None else flat.uncertainty_db
    errors = np.random.default_rng(_KEY)
    partial = [number for number, one in enumerate(known_db) if np.isnan(one).any()]
    between_db = {number: _between(known_db[number]) for number in partial}
    chances = {number: np.random.default_rng([_KEY, number]) for number in partial}
    step = max(1, _PART_GAINS // known_db.size)
    for begin in range(0, draws, step):
        count = min(step, draws - begin)
        found_db = errors.standard_normal((count, *known_db.shape))  # [d, R, K, K]
        found_db *= deviation_db
        found_db += known_db
        for number in partial:
            unknown = np.isnan(known_db[number])  # [K, K]
            drawn = chances[number].random((count, int(unknown.sum())))
            most_db = limits_db[number][unknown].astype(np.float64)
            found_db[:, number][:, unknown] = _below(between_db[number], most_db, drawn)
        yield found_db


def _between(known_db: np.ndarray) -> np.ndarray:
    """The finite ones of gains between links [K, K], in order, [N]."""
    between_db = known_db[~np.eye(len(known_db), dtype=bool)]
    return np.sort(between_db[np.isfinite(between_db)])


def _below(ordered_db: np.ndarray, limits_db: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """For each limit [U] and chance [D, U] one of the known gains [N] in order at or below it, [D, U]."""
    counts = np.searchsorted(ordered_db, limits_db, side="right")  # [U]
    fallback = np.where(np.isfinite(limits_db), limits_db - _STEP_BELOW_DB, 0.0)
    if not len(ordered_db):
        return np.broadcast_to(fallback, chances.shape)
    place = np.minimum((chances * counts).astype(int), len(ordered_db) - 1)
    return np.where(counts > 0, ordered_db[place], fallback)


def estimated_gains_db(network: Network, draws: int = 128) -> np.ndarray:
    """The gains with unknown ones replaced by the mean power of `drawn_gains_db`, shaped as the network's."""
    shape = network.gain_db.shape
    total = sum(db_to_linear(part_db).sum(0) for part_db in drawn_gains_db(network, draws))  # [R, K, K]
    mean_db = linear_to_db(np.asarray(total) / draws).reshape(shape)
    return np.where(np.isnan(network.gain_db), mean_db, network.gain_db)


def expected_rates(network: Network, powers: np.ndarray, draws: int = 128) -> np.ndarray:
    """Mean rates over `drawn_gains_db`, the same draws for all powers [P, R, K], [P, R, K] in bit/s/Hz."""
    total = np.zeros(powers.shape)
    for part_db in drawn_gains_db(network, draws):
        gain = db_to_linear(part_db)
        shape = gain.shape[:-1]  # [d, R, K]
        for sum_of, power in zip(total, powers, strict=True):
            sum_of += spectral_efficiency(np.broadcast_to(power, shape), gain).sum(0)
    return total / draws
