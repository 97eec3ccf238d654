"""From what a caller says of a goal to a goal object, and from that to the numbers that the network reads."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gfm_ra.energy import KIND_OPTION, NUMBERS, EnergyEfficiency
from gfm_ra.extensions import goal_kind, goal_names
from gfm_ra.goal_family import GOAL_OF_NUMBER, Numbers, numbers_of
from gfm_ra.goals import Objective, Weighted, normalised_weights
from gfm_ra.slices.goal import Sliced

GOAL_OF_OPTION = GOAL_OF_NUMBER | dict.fromkeys((*NUMBERS, KIND_OPTION), EnergyEfficiency.name)
"""What goals are told beside their name, and the goal that each belongs to."""


class Prompt(NamedTuple):
    """A goal as the network reads it, for B networks."""

    parameters: np.ndarray  # float32 [B, 3]: alpha, min_rate (bit/s/Hz), penalty
    weights: np.ndarray  # float32 [B, K], largest 1


def goal_of(
    goal: str | Objective,
    weights: Any,  # noqa: ANN401 (whatever NumPy makes an array of)
    shape: tuple[int, ...],
    **numbers: float | str | None,
) -> Objective:
    """The goal object of a name and its numbers, weighted if weights are given.

    Args:
        goal: a name or an object with `utility(rates)`.
        weights: priorities of the links, [K] or [..., K]; only their ratios matter.
        shape: of the powers, [..., K].
        numbers: of `GOAL_OF_OPTION`, None where not given.

    Raises:
        ValueError: an unknown name, a number that the goal does not have or that is out of range, weights that do not
            fit.
    """
    given = {name: value for name, value in numbers.items() if value is not None}
    if isinstance(goal, str):
        found = _by_name(goal, given)
    elif callable(getattr(goal, "utility", None)):
        found = goal
        if given:
            raise ValueError(
                f"goal: {', '.join(given)} belong into the goal object: give a name or the object alone"
            )
    else:
        raise ValueError(f"goal: must be a name or have a utility(rates), got {type(goal).__name__}")
    if weights is None:
        return found
    if isinstance(found, Weighted) or not isinstance(found, Objective):
        raise ValueError(
            "goal: weights go with a name or a plain goal of this package; this goal has its own"
        )
    return Weighted(found, _weights(weights, shape))


def _by_name(name: str, numbers: dict[str, Any]) -> Objective:
    kind = goal_kind(name)
    if kind is None:
        raise ValueError(f"goal: {name!r} is unknown: choose one of {', '.join(goal_names())}")
    for number, owner in GOAL_OF_OPTION.items():
        if number in numbers and owner != name:
            raise ValueError(f"goal: {number} belongs to goal {owner!r}, not to {name!r}: leave it out")
    if name == EnergyEfficiency.name:
        return _energy_efficiency(numbers)
    for number, value in numbers.items():
        if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
            raise ValueError(f"goal: {number} must be a number, got {value!r}")
    return kind(**numbers)


def _energy_efficiency(options: dict[str, Any]) -> EnergyEfficiency:
    """Energy efficiency: what circuits consume is never guessed."""
    if "circuit_power" not in options:
        raise ValueError(
            f"goal: {EnergyEfficiency.name} needs circuit_power: what the circuits of a link consume, in units of its "
            "full power"
        )
    return EnergyEfficiency(
        **{"kind" if name == KIND_OPTION else name: value for name, value in options.items()}
    )


def _weights(weights: object, shape: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(weights)
    if values.dtype.kind not in "fiu":
        raise ValueError(f"goal: weights must be numbers, got {values.dtype}")
    if values.shape != shape[-1:] and values.shape != shape:
        expected = f"[{shape[-1]}]" + (f" or {list(shape)}" if len(shape) > 1 else "")
        raise ValueError(f"goal: weights must be {expected}, one per link, got {list(values.shape)}")
    return values.astype(np.float64).reshape(-1, shape[-1]) if values.ndim > 2 else values.astype(np.float64)


def part_of(goal: Objective, begin: int, end: int) -> Objective:
    """The goal of networks `begin` to `end` of a row: weights may differ from network to network."""
    if isinstance(goal, Weighted) and np.ndim(goal.weights) == 2 and len(goal.weights) > 1:
        return Weighted(goal.objective, goal.weights[begin:end])
    return goal


def selected(goal: Objective, chosen: np.ndarray) -> Objective:
    """The goal of the networks that an array of bool or of indices chooses."""
    if isinstance(goal, Sliced):
        return goal.of(chosen)
    if isinstance(goal, Weighted) and np.ndim(goal.weights) == 2 and len(goal.weights) > 1:
        return Weighted(goal.objective, goal.weights[chosen])
    return goal


def prompt_of(
    goal: Objective, count: int, links: int, told: Mapping[Numbers | None, Numbers] | None = None
) -> Prompt:
    """The goal as the network reads it; a goal that it has no words for is read as sum rate.

    told : what an adapted network is told instead, by the goal's numbers, None for goals without.
    """
    own = numbers_of(goal)
    numbers = (told or {}).get(own, own or (0.0, 0.0, 0.0))
    if not isinstance(goal, Weighted):
        return _unweighted(numbers, count, links)
    weights = normalised_weights(goal.weights).reshape(-1, links)
    return Prompt(
        np.repeat(np.array([numbers], dtype=np.float32), count, axis=0),
        np.broadcast_to(weights, (count, links)).copy(),
    )


@lru_cache(maxsize=16)
def _unweighted(numbers: Numbers, count: int, links: int) -> Prompt:
    prompt = Prompt(
        np.tile(np.array(numbers, dtype=np.float32), (count, 1)), np.ones((count, links), dtype=np.float32)
    )
    for array in prompt:
        array.setflags(write=False)
    return prompt
