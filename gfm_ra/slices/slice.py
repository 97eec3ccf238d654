"""What a group of links asks for, and the three kinds of slices that 3GPP names first.

Kinds: slice/service types (SST) 1 to 3 of 3GPP TS 23.501, clause 5.15.2.2, table 5.15.2.2-1: enhanced mobile broadband
(eMBB), ultra-reliable low latency communications (URLLC) and massive IoT (MIoT).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from gfm_ra.goals import LARGEST_MIN_RATE, Objective, ProportionalFair, SumRate

SliceGoal = Literal["sum-rate", "proportional-fair"]
SLICE_GOALS: tuple[SliceGoal, ...] = get_args(SliceGoal)
_OBJECTIVES: dict[SliceGoal, Objective] = {"sum-rate": SumRate(), "proportional-fair": ProportionalFair()}


@dataclass(frozen=True)
class Slice:
    """A group of links, what each of them and all of them are to get at least, and what counts beyond that."""

    name: str
    """By which answers and messages call it."""
    links: tuple[int, ...]
    """Numbers of its links, from 0; given as any sequence of whole numbers."""
    goal: SliceGoal = field(default="sum-rate", kw_only=True)
    """What the rates of its links are worth: their sum, or the sum of their logarithms."""
    least_rate: float | None = field(default=None, kw_only=True)
    """Bit/s/Hz that every link of the slice is to get."""
    share: float | None = field(default=None, kw_only=True)
    """Part of the network's sum rate that the slice is to get at least, in (0, 1)."""
    priority: float = field(default=1.0, kw_only=True)
    """Factor of the slice's part of the utility; with 0, nothing counts beyond its least rate or share."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise ValueError(f"slice: name must be a word, got {self.name!r}")
        object.__setattr__(self, "links", _links(self.name, self.links))
        if self.goal not in SLICE_GOALS:
            raise ValueError(f"slice {self.name}: goal must be {' or '.join(SLICE_GOALS)}, got {self.goal!r}")
        for what in ("least_rate", "share", "priority"):
            value = getattr(self, what)
            if value is not None or what == "priority":
                object.__setattr__(self, what, _number(self.name, what, value))
        if self.least_rate is not None and not 0 < self.least_rate <= LARGEST_MIN_RATE:
            raise ValueError(
                f"slice {self.name}: least_rate must be above 0 and at most {LARGEST_MIN_RATE:g} bit/s/Hz, got "
                f"{self.least_rate:g}"
            )
        if self.share is not None and not 0 < self.share < 1:
            raise ValueError(f"slice {self.name}: share must lie between 0 and 1, got {self.share:g}")
        if self.priority < 0:
            raise ValueError(f"slice {self.name}: priority must not be negative, got {self.priority:g}")
        if self.priority == 0 and self.least_rate is None and self.share is None:
            raise ValueError(f"slice {self.name}: with priority 0 it needs a least_rate or a share")

    @property
    def objective(self) -> Objective:
        """Its goal as an object."""
        return _OBJECTIVES[self.goal]

    @classmethod
    def embb(
        cls,
        links: Sequence[int],
        *,
        name: str = "embb",
        least_rate: float | None = None,
        share: float | None = None,
        priority: float = 1.0,
    ) -> "Slice":
        """Enhanced mobile broadband, SST 1: the sum of the links' rates counts, no rate is promised unless said."""
        return cls(name, tuple(links), least_rate=least_rate, share=share, priority=priority)

    @classmethod
    def urllc(
        cls, links: Sequence[int], *, least_rate: float, name: str = "urllc", priority: float = 0.0
    ) -> "Slice":
        """Ultra-reliable low latency, SST 2: every link gets its least rate; what is beyond counts nothing.

        Least rates of slices that are listed first go first where not all can be met. Gains are taken as they are:
        latency, packet errors, finite block lengths and fading between two answers are not modelled.
        """
        return cls(name, tuple(links), least_rate=least_rate, priority=priority)

    @classmethod
    def miot(
        cls, links: Sequence[int], *, least_rate: float, name: str = "miot", priority: float = 0.0
    ) -> "Slice":
        """Massive IoT, SST 3: many links, each with a small least rate, beyond which nothing counts.

        Powers are found as for `urllc`; list it after the slices that go first. Duty cycles, random access, coverage
        by repetition and batteries are not modelled.
        """
        return cls(name, tuple(links), least_rate=least_rate, priority=priority)


def checked(slices: Iterable[Slice], links: int) -> tuple[Slice, ...]:
    """Slices of a network of so many links. Raises ValueError, one line, for slices that do not go together."""
    found = () if isinstance(slices, Slice) else tuple(slices)
    if not found or not all(isinstance(one, Slice) for one in found):
        raise ValueError("slices: give a list of gfm_ra.Slice, at least one")
    owner: dict[int, str] = {}
    names: set[str] = set()
    for one in found:
        if one.name in names:
            raise ValueError(f"slices: two are called {one.name!r}: give each its own name")
        names.add(one.name)
        if one.links[-1] >= links:
            raise ValueError(
                f"slice {one.name}: there is no link {one.links[-1]}: links are 0 to {links - 1}"
            )
        for link in one.links:
            if link in owner:
                raise ValueError(f"slices: link {link} is in {owner[link]!r} and in {one.name!r}: choose one")
            owner[link] = one.name
    shares = {one.name: one.share for one in found if one.share is not None}
    if sum(shares.values()) > 1 + 1e-9:
        listed = " + ".join(f"{share:g} ({name})" for name, share in shares.items())
        raise ValueError(f"slices: shares sum above 1: {listed}: lower one of them")
    return found


def _links(name: str, given: Any) -> tuple[int, ...]:  # noqa: ANN401
    """Link numbers, sorted."""
    values = np.asarray(list(given) if isinstance(given, range | set | frozenset) else given)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"slice {name}: links must be a list of at least one link number")
    if values.dtype.kind not in "iu" or (values < 0).any():
        raise ValueError(f"slice {name}: links must be whole numbers from 0 on")
    kept = np.unique(values)
    if kept.size < values.size:
        raise ValueError(f"slice {name}: a link is listed twice")
    return tuple(int(link) for link in kept)


def _number(name: str, what: str, value: Any) -> float:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(f"slice {name}: {what} must be a number, got {value!r}")
    if not np.isfinite(value):
        raise ValueError(f"slice {name}: {what} must be finite, got {value!r}")
    return float(value)
