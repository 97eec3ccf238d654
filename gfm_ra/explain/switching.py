"""What changes if one link is switched to another power while all others stay as they are.

All arrays are [K, K]: the row is the case, in which that link is switched, the column is the link that is looked at.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from gfm_ra.explain.derivatives import Links, gradients, is_sum, name_of
from gfm_ra.goal_family import utility_of
from gfm_ra.goals import RATE_FLOOR, Objective

_NODES = 32
"""Powers on the way at which derivatives are taken: Gauss-Legendre."""


class Change(NamedTuple):
    """What switching each of the links would change, everything else kept."""

    total: np.ndarray  # [K], of the utility: exact
    parts: np.ndarray  # [K, K], of that what each link gains or loses


def change(links: Links, goal: Any, level: np.ndarray) -> Change:  # noqa: ANN401
    """Every link k alone switched from its power to level[k], a part of full power.

    Parts are integrals of the derivatives, between the rate of now and that behind the switch: for a goal that is a
    sum over links in closed form, which is exact, for others along the way. There, what powers count by themselves is
    a part of the link that is switched.

    Raises:
        ValueError: the utility leaves double precision.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        parts = _benefits(links, goal, level) if is_sum(goal) else integrals(links, goal, level)
        found = Change(total(links, goal, level), parts)
    if not all(np.isfinite(values).all() for values in found):
        raise ValueError(f"explain: the utility of {name_of(goal)} is not finite if a link is switched")
    return found


def total(links: Links, goal: Any, level: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Exact change of the utility, [K], if link k alone goes to level[k]."""
    if is_sum(goal):
        # Link by link, so that a silent link's loss, which is large, hides nothing of the others'.
        return _benefits(links, goal, level).sum(-1)
    after, before = _switched(links, level)
    return utility_of(goal, after.rate, after.power) - utility_of(goal, before.rate, before.power)


def integrals(links: Links, goal: Any, level: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Integrals of the derivatives by the power that is switched, through the rate of every link.

    Over the logarithm of the power, above an offset at which the link's rate is RATE_FLOOR: there utilities bend.
    Smooth utilities are met to many digits; a slope that jumps, as that of QoS, costs some percent.
    """
    around = _around(links)
    with np.errstate(divide="ignore"):
        offset = np.minimum(RATE_FLOOR * math.log(2.0) * links.heard / links.own, 1.0)
    start, end = np.log(links.power + offset), np.log(level + offset)
    found = np.zeros_like(around)
    for node, weight in zip(*np.polynomial.legendre.leggauss(_NODES), strict=True):
        reached = np.exp(start + (end - start) * (node + 1.0) / 2.0)
        step = reached * (end - start) * weight / 2.0
        cases = _cases(links, around, np.maximum(reached - offset, 0.0))
        by_rate, by_power = gradients(goal, cases.rate, cases.power)
        signal = links.own * cases.power
        slope = -links.crossing.T * signal / cases.heard  # of a rate by the interference
        np.fill_diagonal(slope, links.own)
        slope *= by_rate / (cases.everything * math.log(2.0))
        slope[np.diag_indices_from(slope)] += np.diagonal(by_power)
        found += slope * step[:, None]
    return found


def _benefits(links: Links, goal: Objective, level: np.ndarray) -> np.ndarray:
    """Exact change of what each link's rate is worth."""
    after, before = _switched(links, level)
    return goal.benefit(after.rate) - goal.benefit(before.rate)


class _Cases(NamedTuple):
    """K networks, in each of which one link has another power."""

    power: np.ndarray
    heard: np.ndarray  # noise and interference
    everything: np.ndarray  # the own signal too
    rate: np.ndarray


def _switched(links: Links, level: np.ndarray) -> tuple[_Cases, _Cases]:
    """Behind the switch and before it, by the same sums: a link that stays where it is changes nothing."""
    around = _around(links)
    return _cases(links, around, level), _cases(links, around, links.power)


def _around(links: Links) -> np.ndarray:
    """Noise and interference without the link that is switched.

    Sums from the left and from the right: total minus the link's own part would cancel where it is most of the total.
    """
    arriving = links.crossing * links.power  # [receiver, transmitter]
    found = np.ones_like(arriving)
    found[:, 1:] += np.cumsum(arriving[:, :-1], axis=1)
    found[:, :-1] += np.cumsum(arriving[:, :0:-1], axis=1)[:, ::-1]
    return found.T


def _cases(links: Links, around: np.ndarray, level: np.ndarray) -> _Cases:
    """The network with link k, and it alone, at power level[k]."""
    power = np.repeat(links.power[None], len(level), axis=0)
    np.fill_diagonal(power, level)
    heard = around + links.crossing.T * level[:, None]
    signal = links.own * power
    return _Cases(power, heard, heard + signal, np.log1p(signal / heard) / math.log(2.0))
