"""What the reader of an answer should know, a line each."""

import numpy as np

from gfm_ra.energy import energy_goal
from gfm_ra.goal_family import numbers_of
from gfm_ra.goals import Objective, QoS, Weighted
from gfm_ra.inference.comparison import Effort
from gfm_ra.network import Network

MOST_LINKS = 20
"""Links that are named one by one."""


class Remarks:
    """What is to be said about answers that come part by part."""

    def __init__(self, goal: Objective, effort: Effort, beyond: list[str]) -> None:
        """Nothing yet; `beyond` are the goal's numbers that lie outside the trained ones, in words."""
        self._goal, self.beyond = goal, beyond
        self._effort: Effort = effort
        self._unknown = self._discarded = self._hopeless_links = 0
        self._samples = 0
        self._hopeless: list[tuple[int, int, float]] = []  # network, link, rate alone at full power

    def add(self, network: Network, first: int, unknown: np.ndarray, discarded: np.ndarray) -> None:
        """Look at answers to networks [B, K, K], the first of which is number `first`.

        unknown, discarded : [B] bool, where gains are unknown and where the network's own answer was none.
        """
        self._unknown += np.count_nonzero(unknown)
        self._discarded += np.count_nonzero(discarded)
        min_rate = self._min_rate
        if min_rate is not None:
            own = np.diagonal(network.gain, axis1=-2, axis2=-1)
            alone = np.log1p(own.astype(np.float64)) / np.log(2.0)  # [B, K]
            places = np.argwhere(alone < min_rate)
            self._hopeless_links += len(places)
            room = MOST_LINKS - len(self._hopeless)
            self._hopeless += [
                (first + int(b), int(k), float(alone[b, k])) for b, k in places[: max(room, 0)]
            ]

    def expects(self, samples: int) -> None:
        """Rates and utilities are means over so many samples of uncertain gains."""
        self._samples = samples

    @property
    def _min_rate(self) -> float | None:
        plain = self._goal.objective if isinstance(self._goal, Weighted) else self._goal
        return plain.min_rate if isinstance(plain, QoS) else None

    def lines(self, single: bool) -> list[str]:
        """Everything in sentences; of a single network its number is not said."""
        found = []
        for index, link, rate in self._hopeless:
            where = f"link {link}" if single else f"network {index}, link {link}"
            found.append(
                f"{where}: the least rate of {self._min_rate:g} bit/s/Hz is out of reach, alone at full power it has "
                f"{rate:.3g}"
            )
        if self._hopeless_links > len(self._hopeless):
            more = self._hopeless_links - len(self._hopeless)
            found.append(f"{more} further links cannot reach {self._min_rate:g} bit/s/Hz either")
        if self.beyond:
            found.append(f"extrapolated: {', '.join(self.beyond)}; WMMSE and full power were compared")
        if numbers_of(self._goal) is None and energy_goal(self._goal) is None:
            found.append(foreign(self._goal, self._effort))
        if self._discarded:
            found.append(
                f"the network's own answer was out of limits for {self._discarded} networks: it was not used"
            )
        if self._samples:
            found.append(
                f"gains are uncertain: rates and utility are means over {self._samples} samples of them"
            )
        if self._unknown and self._effort != "fast":
            found.append(
                f"{self._unknown} networks have unknown gains: answered as effort fast, nothing could be compared"
            )
        return found


def foreign(goal: Objective, effort: Effort) -> str:
    """How a goal was treated that the network has no words for."""
    name = getattr(goal, "name", type(goal).__name__)
    said = f"{name} is no goal that the network knows: it was asked for sum rate"
    if effort == "fast":
        return f"{said}, and nothing was compared"
    if callable(getattr(goal, "slope", None)):
        return f"{said}; WMMSE took its slopes step by step"
    return f"{said}; it has no slope(rates), so that only finished answers were compared by its utility"
