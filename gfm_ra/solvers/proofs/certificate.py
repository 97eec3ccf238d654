"""What is proven of powers: the utility they have, and the most that any powers have."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gfm_ra.energy import EnergyEfficiency
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency


@dataclass(frozen=True)
class Certificate:
    """Powers, their utility, and an upper bound for that of all powers. `...` are the gains' leading dimensions."""

    power: np.ndarray
    """[..., K] float32, parts of full power in [0, 1]: the best that were met."""
    lower: Any
    """[...], utility of these powers."""
    upper: Any
    """[...], which no powers exceed."""
    boxes: Any
    """[...], boxes of powers that branch and bound looked at; 0 where the problem is concave and needs none."""
    gap: Any
    """[...], (upper - lower) in the unit of the tolerance (`scale_of`)."""


def scale_of(goal: Objective, utility: np.ndarray, links: int) -> np.ndarray:
    """By what a difference of utilities [...] is divided to be compared with a tolerance.

    Sum rate, energy efficiency: the utility. Proportional fairness: the sum of weights, so that the quotient is a
    difference in mean log rate. Alpha-fair: |1 - alpha| times the utility's magnitude, a relative difference of the
    rate that, given to every link, has this utility. QoS: the utility above that of a silent network.
    """
    weights = weights_of(goal, (*np.shape(utility), links))
    match goal.objective if isinstance(goal, Weighted) else goal:
        case SumRate() | EnergyEfficiency():
            return np.abs(utility)
        case ProportionalFair() | AlphaFair(alpha=1.0):
            return weights.sum(-1)
        case AlphaFair(alpha):
            return abs(1.0 - alpha) * np.abs(utility)
        case QoS(min_rate, penalty):
            return np.maximum(utility + weights.sum(-1) * min_rate * penalty, 1e-300)
    raise ValueError(f"exact: no exact answer is known for the goal {goal!r}")


def weights_of(goal: Objective, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of a goal's benefits as they count in its utility, float64 [..., K]; 1 unless it is weighted.

    Raises ValueError for weights that do not fit the gains.
    """
    if not isinstance(goal, Weighted):
        return np.ones(shape)
    weights = np.asarray(goal.weights, dtype=np.float64)
    try:
        return np.broadcast_to(weights, shape)
    except ValueError:
        raise ValueError(f"exact: weights {weights.shape} do not fit gains of {shape}") from None


def plain_of(goal: Objective) -> Objective:
    """The goal without its weights; alpha-fair as sum rate or proportional fairness where it is one of them."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    if isinstance(plain, AlphaFair) and plain.alpha in (0.0, 1.0):
        return SumRate() if plain.alpha == 0.0 else ProportionalFair()
    return plain


def utility_of(goal: Objective, power: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Utility [...] of powers [..., K] under float64 gains [..., K, K]; `Weighted` goals count their weights as given.

    It is computed in double precision, weights included, whatever type they have.
    """
    rates = spectral_efficiency(power.astype(np.float64), gain)
    plain = goal.objective if isinstance(goal, Weighted) else goal
    return (
        weights_of(goal, rates.shape) * np.asarray(plain.at(power.astype(np.float64)).benefit(rates))
    ).sum(-1)
