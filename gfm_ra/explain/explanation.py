"""Explanations of powers: what they hold, and how they are made from gains, powers and a goal."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gfm_ra.candidates import are_powers
from gfm_ra.explain import words
from gfm_ra.explain.derivatives import Derivatives, Links, derivatives, links_of, name_of
from gfm_ra.explain.switching import Change, change, total
from gfm_ra.explain.verdicts import SMALL_STEP, verdict
from gfm_ra.goal_family import utility_of

MOST_NAMED = 3
"""Links that are named one by one."""


class Effect(NamedTuple):
    """What another link loses or gains."""

    link: int
    amount: float


class Switch(NamedTuple):
    """What changes if a link is switched and all others stay as they are; in units of the utility.

    The parts add up to the change: exactly for goals that are sums over links, else as well as derivatives can be
    integrated.
    """

    change: float  # of the utility, exact
    itself: float  # the link's own part
    others: float  # the other links' part
    most: tuple[Effect, ...]  # the others that change most


@dataclass(frozen=True)
class LinkExplanation:
    """Why one link has its power. Gains and losses are in units of the utility; `print` shows it in words."""

    goal: str
    link: int
    power: float
    """Part of full power."""
    rate: float
    """bit/s/Hz."""
    own_gain: float
    """Derivative of the utility by the link's power through its own rate, per full power."""
    harm: float
    """What the other links lose at the same time, per full power."""
    power_cost: float
    """What the power itself costs, per full power; zero for goals of rates alone."""
    hurts: tuple[Effect, ...]
    """The links that lose most, with their parts of the harm."""
    disturbed_by: int | None
    """The largest part of what the link's receiver gets besides its own signal: a link, or None for the noise."""
    disturbed_share: float
    """Its part of noise and interference."""
    if_off: Switch
    if_on: Switch
    """At full power."""
    if_less: float
    """Exact change of the utility with 1 % less of this power."""
    if_more: float
    """With 1 % more, at most full power."""

    @property
    def verdict(self) -> str:
        """Why the power is what it is, in one clause."""
        return verdict(self)

    def __str__(self) -> str:
        """Everything about the link, in words."""
        return words.of_links([self])

    def as_json(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "goal"}
        found["hurts"] = [effect._asdict() for effect in self.hurts]
        for name in ("if_off", "if_on"):
            switch: Switch = found[name]
            found[name] = switch._asdict() | {"most": [effect._asdict() for effect in switch.most]}
        return found | {"verdict": self.verdict}


@dataclass(frozen=True)
class Explanation:
    """Why the links of a network have their powers; `print` shows a table and a line per link."""

    goal: str
    utility: float
    links: tuple[LinkExplanation, ...]
    harm_matrix: np.ndarray = field(repr=False, compare=False)
    """[K, K]: what the link of the row loses by more power of the link of the column, per full power."""

    def __str__(self) -> str:
        """Table and lines."""
        return words.of_network(self)

    def as_json(self) -> dict[str, Any]:
        """Everything but the matrix as plain numbers, lists and texts."""
        links = [link.as_json() for link in self.links]
        return {"goal": self.goal, "utility": self.utility, "links": links}


def explain(
    gain: np.ndarray,
    power: np.ndarray,
    goal: Any,  # noqa: ANN401 (whatever has a utility and its derivatives)
    link: int | None = None,
) -> Explanation:
    """Why powers are what they are.

    Args:
        gain: [K, K], row = receiver, column = transmitter, linear, in units of noise at full power.
        power: [K], parts of full power in [0, 1].
        goal: a goal of this package, or an object with `utility(rates)` and `slope(rates)`, or, if its utility
            depends on powers too, with `utility(rates, power)` and `gradients(rates, power)`.
        link: the one that is wanted; all unless given.

    Raises:
        ValueError: unknown gains, powers or a link that do not fit, a goal without derivatives, or a utility that is
            not finite.
    """
    gain, power = np.asarray(gain), np.asarray(power)
    _check(gain, power, link)
    links = links_of(gain, power)
    reached = float(utility_of(goal, links.rate[None], links.power[None]).reshape(-1)[0])
    if not np.isfinite(reached):
        raise ValueError(f"explain: the utility of {name_of(goal)} is {reached} at these powers")
    found = _Findings(goal, links)
    wanted = range(len(power)) if link is None else [link]
    return Explanation(name_of(goal), reached, tuple(map(found.of, wanted)), found.by.harm)


def _check(gain: np.ndarray, power: np.ndarray, link: int | None) -> None:
    if gain.ndim != 2 or gain.shape[0] != gain.shape[1] or power.shape != gain.shape[:1]:
        raise ValueError(
            f"explain: gains must be [K, K] and powers [K], one network at a time, got {list(gain.shape)} and "
            f"{list(power.shape)}"
        )
    check_known(gain)
    if not are_powers(power):
        raise ValueError("explain: powers must be numbers from 0 to 1, parts of full power")
    if link is not None and link not in range(len(power)):
        raise ValueError(f"explain: there is no link {link}: links are numbered from 0 to {len(power) - 1}")


def check_known(gain: np.ndarray) -> None:
    """Refuse gains [K, K] of which some are unknown. Raises ValueError."""
    unknown = np.argwhere(np.isnan(gain))
    if len(unknown):
        receiver, transmitter = unknown[0]
        raise ValueError(
            f"explain: the gain of receiver {receiver} from transmitter {transmitter} is unknown: without it nobody "
            "knows the utility, nor what would change it"
        )


class _Findings:
    """All numbers of a network."""

    def __init__(self, goal: Any, links: Links) -> None:  # noqa: ANN401
        self._goal, self._links, self._heard = name_of(goal), links, links.heard
        self.by: Derivatives = derivatives(links, goal)
        power = links.power
        self._off, self._on = (change(links, goal, np.full(len(power), level)) for level in (0.0, 1.0))
        steps = (power * (1 - SMALL_STEP), np.minimum(power * (1 + SMALL_STEP), 1.0))
        self._less, self._more = (total(links, goal, step) for step in steps)

    def of(self, link: int) -> LinkExplanation:
        """Those of one link."""
        links = self._links
        arriving = links.crossing[link] * links.power
        loudest = int(arriving.argmax())
        noisy = arriving[loudest] <= 1.0
        harm = self.by.harm[:, link]
        return LinkExplanation(
            self._goal, link, float(links.power[link]), float(links.rate[link]), float(self.by.own[link]),
            float(harm.sum()), float(0.0 - self.by.direct[link]), _most(harm, harm > 0),
            None if noisy else loudest, float((1.0 if noisy else arriving[loudest]) / self._heard[link]),
            _switch(self._off, link), _switch(self._on, link), float(self._less[link]), float(self._more[link]),
        )  # fmt: skip


def _switch(found: Change, link: int) -> Switch:
    others = found.parts[link].copy()
    itself, others[link] = float(others[link]), 0.0
    return Switch(float(found.total[link]), itself, float(others.sum()), _most(others, others != 0))


def _most(amounts: Sequence[float] | np.ndarray, counts: np.ndarray) -> tuple[Effect, ...]:
    """The largest amounts, whatever their sign, of the links that count."""
    order = np.argsort(-np.abs(amounts), kind="stable")[:MOST_NAMED]
    return tuple(Effect(int(link), float(amounts[link])) for link in order if counts[link])
