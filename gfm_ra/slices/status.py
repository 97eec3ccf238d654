"""What every slice gets of an answer, and whether it is what it asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np

from gfm_ra.slices.goal import below, share_missing
from gfm_ra.slices.slice import Slice

Status = Literal["adequate", "insufficient", "unused"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class SliceAnswer:
    """One slice in one network or in many. `...` are the leading dimensions of the gains, none for a single network."""

    name: str
    slice: Slice
    """What was asked for."""
    status: Any
    """[...] str: "insufficient" if a least rate or the share is missed; else "unused" if none of its links has power;
    else "adequate"."""
    rate: Any
    """[...], sum of the rates of its links, bit/s/Hz."""
    links_below: Any
    """[...], how many of its links stay below the least rate."""
    rate_missing: Any
    """[...], what the worst of them lacks, bit/s/Hz."""
    share_missing: Any
    """[...], by how much its part of the sum rate stays below its share."""
    relaxation: Any
    """[...], the largest factor by which all least rates of the network could be multiplied and still be met together:
    below 1 where not all can be; inf where no slice asks for one."""

    def reason(self, index: int | tuple[int, ...] | None = None) -> str:
        """Why the slice is insufficient in one network, in words; empty where it is not. index : which one of many."""
        here: tuple[int, ...] = () if index is None else index if isinstance(index, tuple) else (index,)
        at = {name: np.asarray(getattr(self, name))[here] for name in _VALUES if name != "status"}
        words = []
        if at["links_below"]:
            words.append(
                f"{at['links_below']} of {len(self.slice.links)} links below the least rate of "
                f"{self.slice.least_rate:g} bit/s/Hz, the worst by {at['rate_missing']:.3g}"
            )
            if at["relaxation"] < 1:
                words.append(
                    f"all least rates together could be met to {at['relaxation']:.3g} of what is asked"
                )
        if at["share_missing"]:
            words.append(
                f"its part of the sum rate is {at['share_missing']:.3g} below its share of {self.slice.share:g}"
            )
        return "; ".join(words)

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, words and lists; None for a relaxation where no least rate is asked for."""
        found: dict[str, Any] = {"name": self.name, "links": list(self.slice.links)}
        for name in _VALUES:
            values = np.asarray(getattr(self, name))
            found[name] = values.tolist()
        if np.isinf(np.asarray(self.relaxation)).all():
            found["relaxation"] = None
        return found

    def reshaped(self, shape: tuple[int, ...]) -> "SliceAnswer":
        """The same with other leading dimensions; scalars for ()."""
        return replace(self, **{name: getattr(self, name).reshape(shape)[()] for name in _VALUES})


_VALUES = tuple(each.name for each in fields(SliceAnswer) if each.name not in ("name", "slice"))


def statuses(
    slices: Sequence[Slice], power: np.ndarray, rate: np.ndarray, relaxation: np.ndarray
) -> tuple[SliceAnswer, ...]:
    """What every slice gets of powers and rates [B, K]; relaxation : [B]."""
    return tuple(_of(one, power, rate, relaxation) for one in slices)


def joined(parts: Sequence[Sequence[SliceAnswer]]) -> tuple[SliceAnswer, ...]:
    """Answers [B] of the parts of a batch as those of the batch."""
    return tuple(
        replace(rows[0], **{name: np.concatenate([getattr(row, name) for row in rows]) for name in _VALUES})
        for rows in zip(*parts, strict=True)
    )


def notes(answers: Sequence[SliceAnswer], single: bool) -> list[str]:
    """A line for every slice that lacks something; answers [B], of a single network its reason."""
    found = []
    for answer in answers:
        lacking = np.flatnonzero(answer.status == "insufficient")
        if single and lacking.size:
            found.append(f"slice {answer.name} is insufficient: {answer.reason(0)}")
        elif lacking.size:
            found.append(
                f"slice {answer.name} is insufficient in {lacking.size} of {answer.status.size} networks, first in "
                f"network {lacking[0]}: {answer.reason(int(lacking[0]))}"
            )
    return found


def _of(one: Slice, power: np.ndarray, rate: np.ndarray, relaxation: np.ndarray) -> SliceAnswer:
    links = list(one.links)
    own = rate[:, links]
    least = np.full(len(links), one.least_rate or 0.0)
    slow = below(own, least)
    missing = np.where(slow, least - own, 0.0).max(-1)
    lack = np.zeros(len(rate))
    if one.share is not None:
        members = np.zeros((1, rate.shape[-1]), dtype=bool)
        members[0, links] = True
        lack = share_missing(rate, members, np.array([one.share]))[:, 0]
    status = np.where((power[:, links] > 0).any(-1), "adequate", "unused").astype(object)
    status[slow.any(-1) | (lack > 0)] = "insufficient"
    return SliceAnswer(one.name, one, status, own.sum(-1), slow.sum(-1), missing, lack, relaxation)
