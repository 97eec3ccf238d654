"""What tiles are told of each other between two rounds: all powers, and what they cost everybody.

Shapes: K links, C cells of the far field.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goals import QOS_RAMP, Objective, QoS, Weighted


class Boundary(NamedTuple):
    """A network's powers, and their sums over the cells of its far field."""

    power: np.ndarray  # float32 [K]
    harm: np.ndarray  # float64 [K]: utility that each receiver loses per unit of noise more
    cell_power: np.ndarray  # float64 [C]: sum of the powers of a cell's transmitters
    cell_price: (
        np.ndarray
    )  # float64 [C]: utility lost per unit of a far transmitter's power, at all receivers


def boundary(network: SparseNetwork, power: np.ndarray, rate: np.ndarray, goal: Objective) -> Boundary:
    """What tiles are told after a round: powers [K] and the rates [K] that they lead to."""
    harm = _harm(network, power, rate, goal)
    far = network.far
    if far is None:
        nothing = np.empty(0)
        return Boundary(power, harm, nothing, nothing)
    sums = np.bincount(far.cell, power.astype(np.float64), minlength=far.cells)
    price = harm @ far.gain / far.transmitters()
    return Boundary(power, harm, sums, price)


def _harm(network: SparseNetwork, power: np.ndarray, rate: np.ndarray, goal: Objective) -> np.ndarray:
    """-dU / dN, float64 [K], N noise and interference: with the signal s, the rate is log2(1 + s / N)."""
    signal = network.own.astype(np.float64) * power
    ratio = np.expm1(rate * np.log(2.0))  # s / N
    active = (signal > 0) & (ratio > 0)
    by_noise = np.zeros(network.links)  # -dR / dN = (s / N) / ((s + N) ln 2)
    by_noise[active] = ratio[active] ** 2 / ((1.0 + ratio[active]) * signal[active] * np.log(2.0))
    return np.where(active, slope(goal, rate), 0.0) * by_noise


def slope(goal: Objective, rate: np.ndarray) -> np.ndarray:
    """dU / dR, float64 [K], as solvers see it: of QoS it falls over a ramp above the least rate."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    if not (isinstance(plain, QoS) and plain.min_rate > 0):
        return np.asarray(goal.slope(rate), dtype=np.float64)
    missing = np.clip(1.0 + (plain.min_rate - rate) / (QOS_RAMP * plain.min_rate), 0.0, 1.0)
    steep = 1.0 + plain.penalty * missing
    return steep * np.asarray(goal.weights, np.float64) if isinstance(goal, Weighted) else steep
