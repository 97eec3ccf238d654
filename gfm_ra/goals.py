"""What an allocation is good for: utilities of the links' rates, equation (3).

Every objective has a `name`, a `utility(rates)` summed over the links, and a `slope(rates)`, the derivative
beta'(R_k) by which utility-WMMSE weights the links. Rates are [..., K] in bit/s/Hz, NumPy arrays or torch tensors.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
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
LARGEST_MIN_RATE = 100.0
"""Largest minimum rate (bit/s/Hz) that a model is asked for; no link reaches it."""
LARGEST_PENALTY = 1e6
"""Largest penalty that a model is asked for: beyond it float32 no longer sees the rates beside the penalty."""
RATE_FLOOR = 1e-6
"""Added to rates (bit/s/Hz) under a logarithm or a negative power, so that a silent link costs much but not
infinity."""
STRONG_FAIRNESS = 1.25
"""From this alpha on powers are compared link by link."""
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

    def at(self, power: Array | None) -> "Objective":
        """The goal at powers [..., K], as a goal of rates alone; itself unless the powers count for it."""
        return self

    def utility(self, rates: Array, power: Array | None = None) -> Array:
        """Sum over links of beta(R_k), [...]: equation (3). power: [..., K], for goals that count it."""
        benefit: Any = self.at(power).benefit(rates)
        return benefit.sum(-1)

    @abstractmethod
    def slope(self, rates: Array) -> Array:
        """beta'(R_k) of every link, [..., K]."""

    def merit(self, rates: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """A number that orders allocations of one network as `utility` does, [...] float64.

        It is what comparisons use: alpha-fair utilities differ by less than their rounding near alpha = 1, and leave
        every floating type under strong fairness. weights: of the links' benefits, [..., K].
        """
        benefit = np.asarray(self.benefit(np.asarray(rates, dtype=np.float64)))
        return (benefit if weights is None else weights * benefit).sum(-1)

    def advantage(
        self, rates: np.ndarray, others: np.ndarray, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """A number whose sign says whether `rates` are better (+) or worse (-) for `utility` than `others`, [...].

        rates, others: [..., K]. weights: of the links' benefits, [..., K].
        """
        return self.merit(rates, weights) - self.merit(others, weights)


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
    """beta(z) = z^(1 - alpha) / (1 - alpha), log z at alpha = 1: 0 is sum rate, 1 proportional fairness.

    Near alpha = 1 the utility is a large constant plus the part that depends on the rates: compare by `merit`.
    """

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

    def merit(self, rates: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Logarithm of the rate that, given to every link, has the same utility; finite for every alpha."""
        logarithms = np.log(np.asarray(rates, dtype=np.float64) + RATE_FLOOR)
        share = np.ones(logarithms.shape[-1]) if weights is None else np.asarray(weights, dtype=np.float64)
        share = np.broadcast_to(share / share.sum(-1, keepdims=True), logarithms.shape)
        if self.alpha == 1.0:
            return (share * logarithms).sum(-1)
        exponents = (1.0 - self.alpha) * logarithms
        # Relative to the largest term, and by expm1 and log1p, nothing overflows and nothing cancels near alpha = 1.
        highest = np.where(share > 0, exponents, -np.inf).max(-1, keepdims=True)
        terms = share * np.expm1(np.minimum(exponents - highest, 0.0))
        return (highest[..., 0] + np.log1p(terms.sum(-1))) / (1.0 - self.alpha)

    def advantage(
        self, rates: np.ndarray, others: np.ndarray, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """As of every objective. Under strong fairness link by link, in units of the largest loss that differs: the
        loss of a link without a rate, 1e6^(alpha - 1), would hide all others.
        """
        if self.alpha < STRONG_FAIRNESS:
            return super().advantage(rates, others, weights)
        share = 1.0 if weights is None else np.asarray(weights, dtype=np.float64)
        now, before = (
            (1.0 - self.alpha) * np.log(np.asarray(each, dtype=np.float64) + RATE_FLOOR)
            for each in (rates, others)
        )
        differs = (now != before) & (share > 0)
        unit = np.where(differs, np.maximum(now, before), -np.inf).max(-1, keepdims=True, initial=-1e300)
        losses = (np.exp(np.where(differs, each - unit, -np.inf)) for each in (before, now))
        return (share * (next(losses) - next(losses))).sum(-1)


@dataclass(frozen=True, eq=False, repr=False)
class Weighted(Objective):
    """Another objective with the links' benefits weighted: sum over links of weight_k beta(R_k).

    Allocators and solvers see the ratios of a network's weights alone (`normalised_weights`); the utility counts them
    as they are. Two of them are equal if the objectives and all weights are.
    """

    objective: Objective
    weights: np.ndarray  # [..., K], finite, not negative, not all 0 in any network
    name: ClassVar[str] = "weighted"

    def __post_init__(self) -> None:
        if isinstance(self.objective, Weighted):
            raise ValueError("objective 'weighted': multiply the weights instead of nesting them")
        normalised_weights(self.weights)

    def __repr__(self) -> str:
        """The objective, and the weights in one short line."""
        weights = np.array2string(np.asarray(self.weights), threshold=6, edgeitems=3, separator=", ")
        return f"Weighted({self.objective!r}, weights={' '.join(weights.split())})"

    def __eq__(self, other: object) -> bool:
        """Whether objective and weights are the same."""
        return isinstance(other, Weighted) and self._identity() == other._identity()

    def __hash__(self) -> int:
        """Of objective and weights."""
        return hash(self._identity())

    def _identity(self) -> tuple[Objective, tuple[int, ...], bytes]:
        weights = np.asarray(self.weights, dtype=np.float64) + 0.0  # minus zero is zero
        return self.objective, weights.shape, weights.tobytes()

    def at(self, power: Array | None) -> Objective:
        """The objective at these powers, with the same weights."""
        placed = self.objective.at(power)
        return self if placed is self.objective else Weighted(placed, self.weights)

    def benefit(self, rates: Array) -> Array:
        """Weighted benefit of every link."""
        return _like(self.weights, rates) * self.objective.benefit(rates)

    def slope(self, rates: Array) -> Array:
        """Weighted slope of every link."""
        return _like(self.weights, rates) * self.objective.slope(rates)

    def merit(self, rates: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """That of the objective with these weights, of which the ratios count."""
        own = normalised_weights(self.weights)
        return self.objective.merit(rates, own if weights is None else own * weights)

    def advantage(
        self, rates: np.ndarray, others: np.ndarray, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """That of the objective with these weights."""
        own = normalised_weights(self.weights)
        return self.objective.advantage(rates, others, own if weights is None else own * weights)


def normalised_weights(weights: Array) -> np.ndarray:
    """Weights [..., K] as float32 whose largest is 1 in every network: what allocators and solvers compute with.

    A common factor of a network's weights changes no solution, so whatever their unit, nothing is lost in float32.
    Raises ValueError unless they are numbers, finite, not negative and not all 0 in any network.
    """
    given = np.asarray(weights)
    if given.ndim == 0 or given.size == 0 or given.dtype.kind not in "fiu":
        raise ValueError(
            f"objective 'weighted': weights must be numbers [..., K], got {given.dtype} {given.shape}"
        )
    largest = given.max(-1, keepdims=True)
    if not np.isfinite(given).all() or (given < 0).any() or not largest.all():
        raise ValueError("objective 'weighted': weights must be finite, not negative, not all 0 in a network")
    return (given / largest.astype(np.float64)).astype(np.float32)


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
