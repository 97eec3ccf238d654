"""What an allocation is good for: utilities of the links' rates, equation (3).

Every objective has a `name`, a `utility(rates)` summed over the links, and a `slope(rates)`, the derivative
beta'(R_k) by which utility-WMMSE weights the links. Rates are [..., K] in bit/s/Hz, NumPy arrays or torch tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

Array: TypeAlias = Any
"""A NumPy array, or a tensor with the same operators."""

StandardName = Literal["sum-rate", "proportional-fair", "qos"]
"""Names of the objectives in STANDARD."""
GoalName = Literal["sum-rate", "proportional-fair", "qos", "alpha-fair"]
"""Names of every objective that `by_name` knows."""

LARGEST_ALPHA = 10.0
"""Strongest fairness that a model is asked for: beyond it the slope of a slow link leaves float32."""
RATE_FLOOR = 1e-6
"""Added to rates (bit/s/Hz) under a logarithm or a negative power, so that a silent link costs much but not
infinity."""
QOS_RAMP = 1.0 / 15.0
"""Part of the minimum rate over which solvers let the QoS slope fall from 1 + penalty to 1: with a jump, links that sit
at the minimum rate swing between the two slopes."""


def _check(name: str, parameter: str, value: float) -> None:
    if not np.isfinite(value) or value < 0:
        raise ValueError(f"objective {name!r}: {parameter} must be finite and not negative, got {value!r}")


class Objective(ABC):
    """Sum over links of a concave, increasing function of the rate."""

    name: ClassVar[str]
    """Name by which files and commands call it."""

    @abstractmethod
    def benefit(self, rates: Array) -> Array:
        """beta(R_k) of every link, [..., K]."""

    def utility(self, rates: Array) -> Array:
        """Sum over links of beta(R_k), [...]: equation (3)."""
        benefit: Any = self.benefit(rates)
        return benefit.sum(-1)

    @abstractmethod
    def slope(self, rates: Array) -> Array:
        """beta'(R_k) of every link, [..., K]."""


@dataclass(frozen=True)
class SumRate(Objective):
    """beta(z) = z."""

    name: ClassVar[str] = "sum-rate"

    def benefit(self, rates: Array) -> Array:
        """The rates themselves."""
        return rates

    def slope(self, rates: Array) -> Array:
        """1 everywhere."""
        return rates * 0 + 1


@dataclass(frozen=True)
class ProportionalFair(Objective):
    """beta(z) = log(z + RATE_FLOOR): the geometric mean of rates, finite for a silent link."""

    name: ClassVar[str] = "proportional-fair"

    def benefit(self, rates: Array) -> Array:
        """Natural logarithm of every rate."""
        return _log(rates + RATE_FLOOR)

    def slope(self, rates: Array) -> Array:
        """1 / z."""
        return 1 / (rates + RATE_FLOOR)


@dataclass(frozen=True)
class QoS(Objective):
    """beta(z) = z - penalty * max(0, min_rate - z): rates below `min_rate` bit/s/Hz cost `penalty` per
    missing bit."""

    min_rate: float = 0.3
    penalty: float = 15.0
    name: ClassVar[str] = "qos"

    def __post_init__(self) -> None:
        _check(self.name, "min_rate", self.min_rate)
        _check(self.name, "penalty", self.penalty)

    def benefit(self, rates: Array) -> Array:
        """Rate less the penalty on what is missing."""
        return rates - self.penalty * (self.min_rate - rates).clip(0)

    def slope(self, rates: Array) -> Array:
        """1 + penalty below min_rate, 1 from there on."""
        return 1 + self.penalty * (rates < self.min_rate)


@dataclass(frozen=True)
class AlphaFair(Objective):
    """beta(z) = z^(1 - alpha) / (1 - alpha), log z at alpha = 1: 0 is sum rate, 1 proportional fairness."""

    alpha: float = 1.0
    name: ClassVar[str] = "alpha-fair"

    def __post_init__(self) -> None:
        _check(self.name, "alpha", self.alpha)

    def benefit(self, rates: Array) -> Array:
        """The alpha-fair benefit of every rate; rates are lifted by RATE_FLOOR unless alpha is 0."""
        if self.alpha == 0.0:
            return rates
        if self.alpha == 1.0:
            return _log(rates + RATE_FLOOR)
        return (rates + RATE_FLOOR) ** (1.0 - self.alpha) / (1.0 - self.alpha)

    def slope(self, rates: Array) -> Array:
        """z^(-alpha)."""
        return (rates + RATE_FLOOR) ** (-self.alpha)


@dataclass(frozen=True)
class Weighted(Objective):
    """Another objective with the links' benefits weighted: sum over links of weight_k beta(R_k)."""

    objective: Objective
    weights: np.ndarray = field(compare=False)  # [..., K], not negative
    name: ClassVar[str] = "weighted"

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights)
        if weights.ndim == 0 or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise ValueError(
                "objective 'weighted': weights must be [..., K], finite, not negative, not all 0"
            )
        if isinstance(self.objective, Weighted):
            raise ValueError("objective 'weighted': multiply the weights instead of nesting them")

    def benefit(self, rates: Array) -> Array:
        """Weighted benefit of every link."""
        return _like(self.weights, rates) * self.objective.benefit(rates)

    def slope(self, rates: Array) -> Array:
        """Weighted slope of every link."""
        return _like(self.weights, rates) * self.objective.slope(rates)


STANDARD: tuple[Objective, ...] = (SumRate(), ProportionalFair(), QoS())
"""The objectives that models are tuned for and evaluated by, with their usual parameters."""
OBJECTIVES: tuple[StandardName, ...] = get_args(StandardName)
"""Their names, in the same order."""

_BY_NAME: dict[str, Callable[..., Objective]] = {
    kind.name: kind for kind in (SumRate, ProportionalFair, QoS, AlphaFair)
}


def by_name(name: str, **parameters: float) -> Objective:
    """Objective of a name, with its parameters: `by_name("qos", min_rate=0.5)`.

    Raises ValueError for an unknown name, a parameter that the objective does not have, or a bad value.
    """
    if name not in _BY_NAME:
        raise ValueError(f"objective {name!r} is unknown; choose one of {', '.join(_BY_NAME)}")
    try:
        return _BY_NAME[name](**parameters)
    except TypeError as problem:
        raise ValueError(f"objective {name!r} does not take {', '.join(parameters)}: {problem}") from None


def geometric_mean_rate(rates: np.ndarray, share: np.ndarray | None = None) -> np.ndarray:
    """Geometric mean over links, [...] bit/s/Hz: what proportional fairness maximises; 0 if a link is silent.

    share: [..., K], each link's part of the mean, sum 1; equal parts unless given.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(rates)
        if share is None:
            return np.exp(logarithms.mean(-1))
        # A link without a part in the mean may well be silent.
        return np.exp(np.where(share > 0, share * logarithms, 0.0).sum(-1))


def _log(values: Array) -> Array:
    return np.log(values) if isinstance(values, np.ndarray) else values.log()


def _like(weights: np.ndarray, rates: Array) -> Array:
    if isinstance(rates, np.ndarray):
        return np.asarray(weights, dtype=rates.dtype)
    return rates.new_tensor(np.asarray(weights))
