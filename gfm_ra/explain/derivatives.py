"""How a utility reacts to every link's power: equations (1) to (3), differentiated by hand.

Shapes: K links; `cases` are networks that differ in the power of one link, case k in that of link k.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from gfm_ra.goals import Objective, Weighted
from gfm_ra.rates import spectral_efficiency


class Links(NamedTuple):
    """A network at given powers, in float64."""

    own: np.ndarray  # [K], gains to the own receiver
    crossing: np.ndarray  # [K, K], row = receiver, column = transmitter, zero on the diagonal
    power: np.ndarray  # [K]
    rate: np.ndarray  # [K], bit/s/Hz

    @property
    def heard(self) -> np.ndarray:
        """Noise and interference at every receiver, [K], in units of noise."""
        return self.crossing @ self.power + 1.0


class Derivatives(NamedTuple):
    """Derivatives of the utility by power, per full power: that by power k is own - harm[:, k].sum() + direct."""

    own: np.ndarray  # [K], through the link's own rate
    harm: (
        np.ndarray
    )  # [K, K], less through the rate of the link of the row, by the power of that of the column
    direct: np.ndarray  # [K], by the power itself, zero for goals of rates alone


def links_of(gain: np.ndarray, power: np.ndarray) -> Links:
    """The network of gains [K, K], linear, all known, at powers [K]."""
    gain, power = np.asarray(gain, dtype=np.float64), np.asarray(power, dtype=np.float64)
    crossing = gain.copy()
    np.fill_diagonal(crossing, 0.0)
    return Links(np.diagonal(gain), crossing, power, spectral_efficiency(power, gain))


def derivatives(links: Links, goal: Any) -> Derivatives:  # noqa: ANN401 (whatever has a utility and a slope)
    """Derivatives of the goal's utility by every power.

    Raises:
        ValueError: the goal has no derivatives, or they leave double precision.
    """
    by_rate, by_power = (each[0] for each in gradients(goal, links.rate[None], links.power[None]))
    heard, signal = links.heard, links.own * links.power
    of_own = links.own / ((heard + signal) * math.log(2.0))  # of each rate by its own power
    of_others = signal / (heard * (heard + signal) * math.log(2.0))  # of each rate by interference, less
    with np.errstate(over="ignore", invalid="ignore"):
        found = Derivatives(by_rate * of_own, (by_rate * of_others)[:, None] * links.crossing, by_power)
    if not all(np.isfinite(values).all() for values in found):
        raise ValueError(f"explain: the derivatives of {name_of(goal)} are not finite at these powers")
    return found


def gradients(goal: Any, rates: np.ndarray, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
    """Derivatives of the utility by rates and by powers, both [N, K] as the rates and powers are.

    A goal of rates and powers has `gradients(rates, power)`, one of rates alone `slope(rates)`.
    Raises ValueError for a goal without either, or whose derivatives have another shape.
    """
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # what is not finite is refused
        if callable(getattr(plain(goal), "gradients", None)):
            weights = {"weights": np.asarray(goal.weights)} if isinstance(goal, Weighted) else {}
            by_rate, by_power = plain(goal).gradients(rates, power, **weights)
        elif callable(getattr(goal, "slope", None)):
            by_rate, by_power = goal.slope(rates), np.zeros(())
        else:
            raise ValueError(f"explain: {name_of(goal)} has no slope(rates), the derivative of its utility")
    return _shaped(by_rate, rates, goal), _shaped(by_power, rates, goal)


def _shaped(values: Any, rates: np.ndarray, goal: Any) -> np.ndarray:  # noqa: ANN401
    try:
        return np.broadcast_to(np.asarray(values, np.float64), rates.shape)
    except ValueError:
        raise ValueError(
            f"explain: the derivatives of {name_of(goal)} must be {list(rates.shape)} as the rates, "
            f"got {list(np.shape(values))}"
        ) from None


def is_sum(goal: Any) -> bool:  # noqa: ANN401
    """Whether the utility is a sum over links of what each link's rate is worth, whatever the powers."""
    own = plain(goal)
    return (
        isinstance(own, Objective)
        and type(own).utility is Objective.utility
        and not callable(getattr(own, "gradients", None))
    )


def plain(goal: Any) -> Any:  # noqa: ANN401
    """The goal that is weighted, or the goal itself."""
    return goal.objective if isinstance(goal, Weighted) else goal


def name_of(goal: Any) -> str:  # noqa: ANN401
    """What a goal is called."""
    if isinstance(goal, Weighted):
        return f"{goal.name} {name_of(goal.objective)}"
    return str(getattr(goal, "name", type(goal).__name__))
