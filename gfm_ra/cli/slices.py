"""`gfm-ra allocate --slice`: what is asked for groups of links, and what each gets.

A slice is NAME:LINKS[:KEY=VALUE...], such as urllc:0-3:least_rate=1 or video:4-9,12:share=0.3:priority=2.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.cli.tables import table
from gfm_ra.errors import InputError
from gfm_ra.files.weights import read_weights
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.prompts import GOAL_OF_OPTION
from gfm_ra.network import Network
from gfm_ra.slices.slice import Slice, checked
from gfm_ra.slices.status import STATUSES, SliceAnswer, joined

_FORM = "say NAME:LINKS[:KEY=VALUE...], as in urllc:0-3:least_rate=1"
_KEYS = ("least_rate", "share", "priority", "goal")
_PRESETS = {"embb": Slice.embb, "urllc": Slice.urllc, "miot": Slice.miot}


def of(chosen: argparse.Namespace, links: int, unknown: int) -> tuple[Slice, ...]:
    """The slices of the command line for networks of so many links; none without the option.

    Raises:
        InputError: what is no slice, slices that do not go together, or other options that contradict them.
    """
    if not chosen.slice:
        return ()
    groups = [read(word, links) for word in chosen.slice]
    try:
        groups = checked(groups, links)
    except ValueError as problem:
        raise InputError(f"--slice: {problem}") from None
    if chosen.goal is not None and sum(len(one.links) for one in groups) == links:
        raise InputError("--goal is of links in no slice, but every link is in one: leave it out")
    if chosen.certify:
        raise InputError("--certify and --slice: nothing can be proven for slices, leave one of them out")
    if unknown:
        raise InputError(
            f"--slice needs known gains, but {unknown} are unknown: leave it out, or give the gains"
        )
    return groups


def read(word: str, links: int) -> Slice:
    """One slice of a network of so many links, in words. Raises InputError for what is none."""
    name, *rest = word.split(":")
    if not name or not rest:
        raise InputError(f"--slice {word}: {_FORM}")
    options = _options(word, rest[1:])
    numbers = _links(word, rest[0], links)
    try:
        if name not in _PRESETS:
            return Slice(name, tuple(numbers), **options)
        if "goal" in options:
            raise InputError(
                f"--slice {word}: {name} has its own goal, give the slice another name to choose one"
            )
        if name != "embb" and "share" in options:
            raise InputError(
                f"--slice {word}: {name} is asked by least_rate alone, give the slice another name"
            )
        if name != "embb" and "least_rate" not in options:
            raise InputError(
                f"--slice {word}: {name} needs a least rate, as in {name}:{rest[0]}:least_rate=1"
            )
        return _PRESETS[name](numbers, **options)
    except ValueError as problem:
        raise InputError(f"--slice {word}: {problem}") from None


def parts(
    allocator: Allocator,
    networks: Iterator[Network],
    groups: Sequence[Slice],
    chosen: argparse.Namespace,
    effort: Effort,
) -> Iterator[Allocation]:
    """Answers with slices to the parts of a file, each [B, K]."""
    begin = 0
    for network in networks:
        weights = read_weights(Path(chosen.weights), network.links) if chosen.weights else None
        options = {name: getattr(chosen, name) for name in GOAL_OF_OPTION}
        yield allocator.allocate(
            network, goal=chosen.goal, weights=weights, effort=effort, seed=chosen.seed or 0, first_index=begin,
            slices=groups, **options,
        )  # fmt: skip
        begin += len(network)


def together(answers: Sequence[Allocation]) -> tuple[SliceAnswer, ...]:
    """What every slice gets in all networks; none without slices."""
    return joined([answer.slices for answer in answers]) if answers and answers[0].slices else ()


def as_json(told: Sequence[SliceAnswer], single: bool) -> list[dict[str, Any]]:
    """One object a slice; lists over the networks, plain values for a single one."""
    return [(each.reshaped(()) if single else each).as_json() for each in told]


def text(told: Sequence[SliceAnswer]) -> str:
    """A table, one line a slice: means over networks."""
    many = told[0].status.size > 1
    head = ("slice", "links", "status", "bit/s/Hz", "below", "share lacks")
    rows = [
        (
            each.name,
            str(len(each.slice.links)),
            _statuses(each.status) if many else str(each.status[0]),
            f"{each.rate.mean():.4g}",
            f"{each.links_below.sum()}" if each.slice.least_rate is not None else "-",
            f"{each.share_missing.max():.3g}" if each.slice.share is not None else "-",
        )
        for each in told
    ]
    return table(head, rows)


def _statuses(status: np.ndarray) -> str:
    counts = Counter(status.tolist())
    return ", ".join(f"{name} {counts[name]}" for name in STATUSES if counts[name])


def _options(word: str, given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in given:
        key, _, value = pair.partition("=")
        if key not in _KEYS or not value:
            raise InputError(f"--slice {word}: {pair!r} is not KEY=VALUE with a key of {', '.join(_KEYS)}")
        if key in found:
            raise InputError(f"--slice {word}: {key} is said twice")
        try:
            found[key] = value if key == "goal" else float(value)
        except ValueError:
            raise InputError(f"--slice {word}: {key} must be a number, got {value!r}") from None
    return found


def _links(word: str, given: str, links: int) -> list[int]:
    found: list[int] = []
    for part in given.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise InputError(
                f"--slice {word}: {part!r} is no link and no range of links: say them like 0-3,7"
            )
        if int(last or first) >= links:
            raise InputError(f"--slice {word}: there is no link {last or first}: links are 0 to {links - 1}")
        found += range(int(first), int(last or first) + 1)
    return found
