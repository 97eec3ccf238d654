"""The goals that networks know: one family with three numbers, of which each named goal uses some."""

from inspect import signature
from typing import Any

import numpy as np

from gfm_ra.goals import (
    LARGEST_ALPHA,
    LARGEST_MIN_RATE,
    LARGEST_PENALTY,
    AlphaFair,
    Objective,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
)

GOAL_OF_NUMBER = {"alpha": AlphaFair.name, "min_rate": QoS.name, "penalty": QoS.name}
"""The family's numbers, in the order in which networks read them, and the named goal that each belongs to."""


Numbers = tuple[float, float, float]
"""Alpha, min_rate (bit/s/Hz) and penalty."""


def numbers_of(goal: Objective) -> Numbers | None:
    """Alpha, min_rate (bit/s/Hz) and penalty of a goal, weighted or not; None for a goal outside the family.

    Raises ValueError for a number beyond what networks are asked for.
    """
    match goal.objective if isinstance(goal, Weighted) else goal:
        case SumRate():
            return 0.0, 0.0, 0.0
        case ProportionalFair():
            return 1.0, 0.0, 0.0
        case AlphaFair(alpha):
            _check("alpha", alpha, LARGEST_ALPHA)
            return alpha, 0.0, 0.0
        case QoS(min_rate, penalty):
            _check("min_rate", min_rate, LARGEST_MIN_RATE)
            _check("penalty", penalty, LARGEST_PENALTY)
            return 0.0, min_rate, penalty
    return None


def is_ours(goal: object) -> bool:
    """Whether a goal is one of this package, weighted or not, and no class of another one that inherits from it."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    return type(plain).__module__ == SumRate.__module__


def utility_of(goal: Any, rates: np.ndarray, power: np.ndarray) -> np.ndarray:  # noqa: ANN401 (whatever has a utility)
    """Utility [...] of rates and powers [..., K]: goals of other packages get the powers if they take `power`."""
    if is_ours(goal) or "power" in signature(goal.utility).parameters:
        return np.asarray(goal.utility(rates, power=power))
    return np.asarray(goal.utility(rates))


def _check(name: str, value: float, largest: float) -> None:
    if value > largest:
        raise ValueError(f"goal: {name} must be at most {largest:g} for a model, got {value:g}")
