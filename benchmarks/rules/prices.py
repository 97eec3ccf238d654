"""What an incumbent's interference cap costs, and what the search under the rules wins back after the repair."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

import gfm_ra
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.inference.comparison import Effort
from gfm_ra.rules import Rules, bound
from gfm_ra.rules.enforcement import enforced_rows
from gfm_ra.rules.worth import rates_of

GOALS = ("sum-rate", "proportional-fair", "qos")
EFFORTS: tuple[Effort, ...] = ("balanced", "best")
CAPS_DB = (0.0, -6.0, -10.0)
_SCENARIO, _LINKS, _SEED = "D18", 20, 0


class Row(NamedTuple):
    """Mean utilities of networks of D18's kind with 20 links, at the area of 20 links and one more receiver."""

    goal: str
    effort: str
    cap_db: float
    without: float  # without the cap
    alike: float  # every transmitter reduced by the same factor
    repaired: float  # after the repair step alone
    answer: float  # of `allocate(..., rules=...)`


def prices(count: int) -> Iterator[Row]:
    """Utilities under an I/N cap at one incumbent's receiver, which lies among the links' as one of theirs would."""
    base = SCENARIOS[_SCENARIO]
    links = _LINKS + 1
    area_m = base.area_m * (links / base.links) ** 0.5
    drawn = simulate(replace(base, links=links, area_m=area_m), count, _SEED).astype(np.float64)
    gain, protected = drawn[:, :_LINKS, :_LINKS], drawn[:, _LINKS:, :_LINKS]  # [N, K, K], [N, 1, K]
    allocator = gfm_ra.load()
    for goal in GOALS:
        for effort in EFFORTS:
            plain = allocator.allocate(gain=gain, goal=goal, effort=effort)
            for cap_db in CAPS_DB:
                rules = Rules(protected_gain=protected, interference_cap_db=cap_db)
                answer = allocator.allocate(gain=gain, goal=goal, effort=effort, rules=rules)
                heard = (protected[:, 0] * plain.power).sum(-1)
                alike = plain.power * np.minimum(10.0 ** (cap_db / 10.0) / heard, 1.0)[:, None]
                repaired = enforced_rows(plain.power[:, None], bound(None, rules, (count, 1, _LINKS)))
                yield Row(
                    goal, effort, cap_db, float(plain.utility.mean()), _mean(alike[:, None], gain, plain.goal),
                    _mean(repaired, gain, plain.goal), float(answer.utility.mean()),
                )  # fmt: skip


def _mean(power: np.ndarray, gain: np.ndarray, goal: gfm_ra.goals.Objective) -> float:
    """Mean utility of powers [N, 1, K]."""
    return float(goal.utility(rates_of(power.astype(np.float64), gain[:, None]), power.sum(-2)).mean())
