"""`gfm-ra explain`: why powers are what they are, in words, as JSON and as a picture."""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gfm_ra.cli import question
from gfm_ra.cli.question import Question, say
from gfm_ra.errors import InputError
from gfm_ra.explain import picture
from gfm_ra.explain.explanation import check_known, explain
from gfm_ra.files.gains import Gains
from gfm_ra.files.paths import check_output
from gfm_ra.files.weights import read_powers
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.loading import load
from gfm_ra.network import Network

MOST_NETWORKS = 100
"""Networks that `gfm-ra allocate` explains at a time: the texts are kept until all powers are written."""


def command(chosen: argparse.Namespace) -> int:
    """Read one network, answer it or take its powers, explain."""
    _check(chosen)
    with ExitStack() as stack:
        path = stack.enter_context(question.file_of(chosen))
        if chosen.plot:
            picture.check(Path(chosen.plot))
            given = (chosen.weights, chosen.powers)
            check_output(Path(chosen.plot), [path, *(Path(name) for name in given if name)])
        gains = question.opened(chosen, path)
        number = _number(chosen, gains)
        allocator = None if chosen.powers else load(chosen.model)
        goal = question.goal_for(chosen, allocator and allocator.objective, gains.links)
        asked = question.looked_at(chosen, path, gains)
        network = _network(asked, number)
        gain = network.gain[0]
        check_known(gain)
        if allocator is None:
            power = read_powers(Path(chosen.powers), gains.links, gains.networks, number)
            source, notes = chosen.powers, []
        else:
            effort: Effort = chosen.effort or "balanced"
            remarks = allocator.remarks(goal, effort)
            (answer,) = allocator.parts([network], goal, effort, remarks, chosen.seed or 0, number)
            power, source, notes = answer.power[0], str(answer.source[0]), remarks.lines(gains.single)
        found = explain(gain, power, goal, chosen.link)
    asked.tell()
    for line in (*notes, f"powers: {source}"):
        say(line)
    if chosen.json:
        more = {"network": number, "source": source, "notes": [*asked.notes, *notes]}
        print(json.dumps(more | found.as_json()))  # noqa: T201
    else:
        print(found)  # noqa: T201
    if chosen.plot:
        picture.draw(found if chosen.link is None else explain(gain, power, goal), Path(chosen.plot))
        say(f"{chosen.plot}: powers, own gain and harm, who hurts whom")
    return 0


class Explanations:
    """Those of `gfm-ra allocate --explain`, network by network."""

    def __init__(self, asked: Question, as_json: bool) -> None:
        """Refuse what cannot be explained before any work.

        Raises:
            InputError: unknown gains, or too many networks.
        """
        if asked.unknown:
            raise InputError(
                f"--explain: {asked.name} has {asked.unknown} unknown gains: without them nobody knows the utility, "
                "nor what would change it"
            )
        if asked.gains.networks > MOST_NETWORKS:
            raise InputError(
                f"--explain: {asked.name} holds {asked.gains.networks} networks: at most {MOST_NETWORKS} are "
                "explained, `gfm-ra explain FILE --network N` explains one"
            )
        self._single, self._as_json = asked.gains.single, as_json
        self._found: list[Any] = []

    def add(self, answer: Allocation) -> None:
        """Explain the answers to [B] networks."""
        for index in range(len(answer.power)):
            found = answer.explain(index=index)
            self._found.append(found.as_json() if self._as_json else str(found))

    def as_json(self) -> dict[str, Any]:
        """One explanation, or a list of them."""
        return {"explanation": self._found[0] if self._single else self._found}

    def text(self) -> str:
        """All of them, each under the number of its network."""
        if self._single:
            return self._found[0]
        return "\n\n".join(f"network {number}: {text}" for number, text in enumerate(self._found))


def _check(chosen: argparse.Namespace) -> None:
    question.check(chosen)
    if chosen.format is not None and chosen.gains != question.STANDARD:
        raise InputError("--format is of stdin: the ending of a file says what it is")
    for name in ("model", "effort", "seed") if chosen.powers else ():
        if getattr(chosen, name) is not None:
            raise InputError(f"--{name} and --powers contradict each other: the powers are given")


def _number(chosen: argparse.Namespace, gains: Gains) -> int:
    """Which of the file's networks."""
    there = f"{question.name_of(chosen)} holds {gains.networks} network{'s' * (gains.networks > 1)}"
    if chosen.network is None and gains.networks > 1:
        raise InputError(f"{there}: say which one, --network 0 for the first")
    if chosen.network is not None and not 0 <= chosen.network < gains.networks:
        raise InputError(f"--network {chosen.network}: {there}, numbered from 0")
    return chosen.network or 0


def _network(asked: Question, number: int) -> Network:
    """That network alone, [1, K, K]."""
    for part in asked.networks():
        if number < len(part):
            return part[number : number + 1]
        number -= len(part)
    raise AssertionError("the number was checked")
