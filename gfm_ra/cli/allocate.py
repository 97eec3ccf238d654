"""`gfm-ra allocate`: gains from a file, powers into one."""

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.errors import InputError
from gfm_ra.files.gains import RECEIVERS, Gains, open_gains
from gfm_ra.files.plausibility import survey
from gfm_ra.files.weights import read_weights
from gfm_ra.files.writers import check_writable, writing
from gfm_ra.goals import Objective, SumRate
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.prompts import GOAL_OF_OPTION, goal_of
from gfm_ra.loading import load
from gfm_ra.network import Network

STANDARD = "-"
FORMATS = ("csv", "tsv", "json", "npy", "npz", "parquet", "mat", "h5")
_OUTPUT_FORMATS = ("csv", "tsv", "json")


def command(chosen: argparse.Namespace) -> int:
    """Read, check, answer part by part, write."""
    _check(chosen)
    with ExitStack() as stack:
        path = (
            stack.enter_context(_standard_input(chosen.format))
            if chosen.gains == STANDARD
            else Path(chosen.gains)
        )
        inputs = [path, *([Path(chosen.weights)] if chosen.weights else [])]
        out = Path(chosen.powers) if chosen.powers not in (None, STANDARD) else None
        if out is not None:
            check_writable(out, inputs)
        gains = open_gains(path, "db" if chosen.db else chosen.unit, chosen.orientation or RECEIVERS)
        allocator = load(chosen.model)
        goal = _goal(chosen, allocator, gains.links)
        name = "stdin" if chosen.gains == STANDARD else str(path)
        looked = survey(gains)
        notes = [note.replace(str(path), name) for note in looked.notes]
        if chosen.strict and notes:
            raise InputError(f"{notes[0]} (--strict)")
        effort: Effort = chosen.effort or "balanced"
        allocator.check(goal, effort, looked.findings.unknown > 0)
        for line in (looked.summary().replace(str(path), name), *notes):
            _say(line)
        remarks = allocator.remarks(goal, effort)
        if out is not None:
            shape = (gains.links,) if gains.single else (gains.networks, gains.links)
            write = stack.enter_context(writing(out, shape, np.dtype(np.float32), "power"))
        elif not chosen.json:
            write = _standard_output(chosen.format)
        else:
            write = None
        answers, summary = [], _Summary()
        for answer in allocator.parts(_networks(gains), goal, effort, remarks, chosen.seed):
            if write is not None:
                write(answer.power[0] if gains.single else answer.power)
            summary.add(answer)
            answers += [answer] if chosen.json else []
    notes_of_answers = remarks.lines(gains.single)
    if chosen.json:
        print(json.dumps(_as_json(answers, gains.single) | {"notes": [*notes, *notes_of_answers]}))  # noqa: T201
    for note in notes_of_answers:
        _say(note)
    _say(f"{out or 'stdout'}: {summary.line(gains)}")
    return 0


def _check(chosen: argparse.Namespace) -> None:
    if chosen.db and chosen.unit == "linear":
        raise InputError("--db and --unit linear: say one of them")
    if chosen.format is not None:
        if chosen.gains != STANDARD and chosen.powers is not None:
            raise InputError("--format is of stdin and stdout: the ending of a file says what it is")
        known = FORMATS if chosen.gains == STANDARD else _OUTPUT_FORMATS
        if chosen.format not in known:
            raise InputError(f"--format {chosen.format}: choose one of {', '.join(known)}")
    elif chosen.gains == STANDARD:
        raise InputError(f"- needs --format: say what stdin is, {', '.join(FORMATS)}")
    if chosen.polish is not None and chosen.polish < 0:
        raise InputError(f"--polish {chosen.polish}: must be 0 or more")
    if chosen.guard or chosen.polish is not None:
        old = "--guard" if chosen.guard else "--polish"
        if chosen.effort == "fast":
            raise InputError(f"{old} and --effort fast contradict each other: say --effort balanced")
        _say(f"{old} is part of --effort balanced now: it does nothing more")


def _goal(chosen: argparse.Namespace, allocator: Allocator, links: int) -> Objective:
    """The goal that was asked for, or the one that the model was tuned for."""
    weights = read_weights(Path(chosen.weights), links) if chosen.weights else None
    options = {name: getattr(chosen, name) for name in GOAL_OF_OPTION}
    goal = chosen.goal or allocator.objective or SumRate.name
    return goal_of(goal, weights, (links,), **options)


def _networks(gains: Gains) -> Iterator[Network]:
    """The file's networks part by part, so that memory does not grow with their number."""
    for part in gains.parts():
        yield Network(gain_db=part) if gains.unit == "db" else Network(part)


@contextmanager
def _standard_input(kind: str) -> Iterator[Path]:
    """What stdin holds, as a file: formats are read from files, and it may be read twice."""
    with tempfile.TemporaryDirectory(prefix="gfm-ra-") as folder:
        path = Path(folder) / f"stdin.{kind}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def _standard_output(kind: str | None):  # noqa: ANN202
    separator = "\t" if kind == "tsv" else ","

    def write(power: np.ndarray) -> None:
        np.savetxt(sys.stdout, np.atleast_2d(power), fmt="%.7g", delimiter=separator)

    return write


def _as_json(answers: list[Allocation], single: bool) -> dict[str, Any]:
    """All answers as one object; what is not known is null."""
    found: dict[str, Any] = {}
    for key in ("power", "rate", "utility", "source", "below_min_rate"):
        values = np.concatenate([np.atleast_1d(getattr(answer, key)) for answer in answers])
        listed = values.tolist()
        found[key] = _without_nan(listed[0] if single else listed)
    return found


def _without_nan(value: Any) -> Any:  # noqa: ANN401 (nested lists)
    if isinstance(value, list):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


class _Summary:
    """What came out, over all parts."""

    def __init__(self) -> None:
        self._sum_rate, self._known, self._missed = 0.0, 0, 0
        self._sources: Counter[str] = Counter()

    def add(self, answer: Allocation) -> None:
        """Count the answers to [B] networks."""
        known = answer.rate[~np.isnan(answer.rate).any(-1)]
        self._sum_rate += float(known.sum())
        self._known += len(known)
        self._missed += int(answer.below_min_rate.sum())
        self._sources.update(map(str, answer.source))

    def line(self, gains: Gains) -> str:
        """Everything in one line."""
        plural = "s" * (gains.networks > 1)
        links = f"{gains.links} link{'s' * (gains.links > 1)}"
        words = [f"powers of {links} in {gains.networks} network{plural}"]
        if self._known:
            words.append(f"mean sum rate {self._sum_rate / self._known:.4g} bit/s/Hz")
        if self._missed:
            words.append(f"{self._missed} link{'s' * (self._missed > 1)} below the least rate")
        words.append(", ".join(f"{name}: {count}" for name, count in self._sources.most_common()))
        return "; ".join(words)


def _say(line: str) -> None:
    print(f"gfm-ra: {line}", file=sys.stderr)  # noqa: T201
