"""Energy efficiency as a goal: rates per power that is consumed, the circuits' included.

Powers are [..., K] in [0, 1], in units of a link's full power, rates [..., K] in bit/s/Hz; NumPy arrays or torch
tensors.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from gfm_ra.goals import Array, Objective, Weighted

Kind = Literal["global", "weighted-sum"]
"""One ratio for the whole network, or a sum of the links' own ratios."""
KINDS: tuple[Kind, ...] = get_args(Kind)
NUMBERS = ("circuit_power", "amplifier_efficiency")
"""What commands and requests call the numbers of the goal."""
KIND_OPTION = "energy_kind"
"""What they call its kind."""


@dataclass(frozen=True)
class EnergyEfficiency(Objective):
    """Rates per consumed power: bit/s/Hz per unit of a link's full power.

    A link consumes c_k = p_k / amplifier_efficiency + circuit_power, also when it is silent. The goal is

        global        sum_k w_k R_k / sum_k c_k
        weighted-sum  sum_k w_k R_k / c_k

    with the weights of `Weighted`, 1 unless given. What consumes nothing (circuit power 0 and no power) is worth 0: a
    network under `global`, a link under `weighted-sum`. With circuit power 0 there is no maximum: the ratios grow while
    powers fall towards 0.

    circuit_power: of one link, in units of its full power, finite, from 0 on. amplifier_efficiency: radiated over
    consumed power of the amplifier, above 0 and at most 1.
    Source: Isheden, Chong, Jorswieck and Fettweis, Framework for link-level energy efficiency optimization with
    informed transmitter, IEEE Trans. Wireless Commun. 2012 (the ratio, by Dinkelbach's method); Zappone and Jorswieck,
    Energy efficiency in wireless networks via fractional programming theory, Found. Trends Commun. Inf. Theory 2015
    (both kinds); Matthiesen, Zappone, Besser, Jorswieck and Debbah, A globally optimal energy-efficient power control
    framework and its efficient implementation in wireless interference networks, IEEE Trans. Signal Process. 2020 (the
    weighted sum).
    """

    circuit_power: float
    amplifier_efficiency: float = 0.35
    kind: Kind = "global"
    name: ClassVar[str] = "energy-efficiency"

    def __post_init__(self) -> None:
        for parameter in NUMBERS:
            value = getattr(self, parameter)
            if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
                raise ValueError(f"{self._said(parameter)} must be a number, got {value!r}")
        if not (math.isfinite(self.circuit_power) and self.circuit_power >= 0):
            raise ValueError(
                f"{self._said('circuit_power')} must be finite and not negative, got {self.circuit_power!r}"
            )
        if not 0 < self.amplifier_efficiency <= 1:
            raise ValueError(
                f"{self._said('amplifier_efficiency')} must be above 0 and at most 1, got {self.amplifier_efficiency!r}"
            )
        if self.kind not in KINDS:
            raise ValueError(f"{self._said('kind')} must be one of {', '.join(KINDS)}, got {self.kind!r}")

    def consumed(self, power: Array) -> Array:
        """c_k, what every link consumes, [..., K] in units of its full power."""
        return power / self.amplifier_efficiency + self.circuit_power

    def at(self, power: Array | None) -> Objective:
        """The goal at powers [..., K]. Raises ValueError without powers."""
        if power is None:
            raise ValueError(
                f"objective {self.name!r} counts the powers: give them as well, utility(rates, power)"
            )
        return _AtPowers(self, power)

    def benefit(self, rates: Array) -> Array:
        """None without powers: raises ValueError."""
        return self.at(None).benefit(rates)

    def slope(self, rates: Array) -> Array:
        """None of rates alone: raises ValueError."""
        raise ValueError(f"objective {self.name!r} has no slope in rates alone: use gradients(rates, power)")

    def gradients(self, rates: Array, power: Array, weights: Array | None = None) -> tuple[Array, Array]:
        """Derivatives of the utility by the rates at fixed powers and by the powers at fixed rates, each [..., K].

        weights: of the links' rates, [..., K], as they are. Both derivatives are 0 where nothing is consumed.
        """
        inverse = self.inverse(power)
        per_rate = inverse + 0 * rates if weights is None else inverse * weights + 0 * rates
        lost = per_rate * rates
        if self.kind == "global":
            lost = lost.sum(-1)[..., None] + 0 * rates
        return per_rate, lost * inverse * (-1 / self.amplifier_efficiency)

    def inverse(self, power: Array) -> Array:
        """One over what a link's rate is divided by, [..., K], or [..., 1] for all links; 0 where that is 0."""
        consumed = self.consumed(power)
        if self.kind == "global":
            consumed = consumed.sum(-1)[..., None]
        if self.circuit_power > 0:
            return 1 / consumed
        nothing = consumed == 0
        return (1 - 1 * nothing) / (consumed + nothing)

    def _said(self, parameter: str) -> str:
        return f"objective {self.name!r}: {parameter}"


@dataclass(frozen=True, eq=False)
class _AtPowers(Objective):
    """Energy efficiency at given powers: the sum of the rates, each over what is consumed."""

    goal: EnergyEfficiency
    power: Any  # [..., K]
    name: ClassVar[str] = EnergyEfficiency.name

    def benefit(self, rates: Array) -> Array:
        """Rate over consumed power of every link, or over that of all."""
        return rates * self.goal.inverse(self.power)

    def slope(self, rates: Array) -> Array:
        """One over consumed power."""
        return self.goal.inverse(self.power) + 0 * rates


def energy_goal(goal: object) -> EnergyEfficiency | None:
    """The energy efficiency that a goal is, weighted or not; None for any other."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    return plain if isinstance(plain, EnergyEfficiency) else None
