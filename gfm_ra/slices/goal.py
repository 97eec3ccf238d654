"""The utility of a network with slices: a weighted sum of the links' benefits, each under the goal of its slice."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gfm_ra.goals import Array, Objective, Weighted
from gfm_ra.slices.slice import Slice

_SHORT = 1e-5
"""Part of a least rate or of a sum rate that rounding may miss without a requirement being missed."""


@dataclass(frozen=True, eq=False)
class Sliced(Objective):
    """Sum over links of weight_k beta_k(R_k); weight_k is the slice's priority times the link's own weight.

    Least rates and shares are requirements beside it and no part of it.
    """

    slices: tuple[Slice, ...]
    parts: tuple[tuple[Objective, np.ndarray], ...]  # a goal and its links, bool [K]
    weights: np.ndarray  # [K] or [B, K]
    name: ClassVar[str] = "sliced"

    def benefit(self, rates: Array) -> Array:
        """Weighted benefit of every link."""
        return self.weights * self.mixed(rates, lambda goal, some: goal.benefit(some))

    def slope(self, rates: Array) -> Array:
        """Weighted slope of every link."""
        return self.weights * self.mixed(rates, lambda goal, some: goal.slope(some))

    def mixed(self, rates: Array, of: Callable[[Objective, Array], Array]) -> Array:
        """A function of goal and rates, each link's by its own goal, [..., K]."""
        found = np.zeros_like(rates)
        for goal, links in self.parts:
            found = np.where(links, of(goal, rates), found)
        return found

    @property
    def least(self) -> np.ndarray:
        """Least rate of every link, [K] bit/s/Hz, 0 where none is asked."""
        found = np.zeros(self.weights.shape[-1])
        for one in self.slices:
            found[list(one.links)] = one.least_rate or 0.0
        return found

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Slices with a share: their links, bool [S, K], and the shares [S]."""
        asked = [one for one in self.slices if one.share is not None]
        links = np.zeros((len(asked), self.weights.shape[-1]), dtype=bool)
        for row, one in zip(links, asked, strict=True):
            row[list(one.links)] = True
        return links, np.array([one.share for one in asked], dtype=np.float64)

    def of(self, chosen: slice | np.ndarray) -> "Sliced":
        """The goal of some networks of a row: weights may differ from network to network."""
        one = self.weights.ndim == 1 or len(self.weights) == 1
        return self if one else Sliced(self.slices, self.parts, self.weights[chosen])


def sliced(slices: Sequence[Slice], goal: Objective, links: int) -> Sliced:
    """The utility of slices of a network of so many links, with the others as best effort under `goal`."""
    plain, weights = goal, np.ones(links)
    if isinstance(goal, Weighted):
        plain, weights = goal.objective, np.array(goal.weights, dtype=np.float64)
    free = np.ones(links, dtype=bool)
    parts: dict[Objective, np.ndarray] = {}
    for one in slices:
        chosen = list(one.links)
        free[chosen] = False
        weights[..., chosen] *= one.priority
        parts.setdefault(one.objective, np.zeros(links, dtype=bool))[chosen] = True
    if free.any():
        parts[plain] = parts.get(plain, False) | free
    return Sliced(tuple(slices), tuple(parts.items()), weights)


def below(rates: np.ndarray, least: np.ndarray) -> np.ndarray:
    """Which links stay below their least rate, bool [..., K]."""
    return rates < least * (1 - _SHORT)


def sums(rates: np.ndarray, links: np.ndarray) -> np.ndarray:
    """Sums of rates [..., K] over groups of links bool [S, K], [..., S]."""
    return (rates[..., None, :] * links).sum(-1)


def share_missing(rates: np.ndarray, links: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """What is missing to shares [..., S] of the sum of rates [..., K], [..., S]; 0 where it is rounding.

    Where nobody has a rate, all of a share is missing.
    """
    total = rates.sum(-1, keepdims=True)
    missing = shares - sums(rates, links) / np.where(total > 0, total, 1.0)
    return np.where(missing > _SHORT, missing, 0.0)
