"""What `gfm-ra allocate` and `gfm-ra explain` are asked: gains from a file or from stdin, and a goal."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.gains import RECEIVERS, Gains, open_gains
from gfm_ra.files.limits import holds_limits
from gfm_ra.files.plausibility import survey
from gfm_ra.files.weights import read_weights
from gfm_ra.goals import Objective, SumRate
from gfm_ra.inference.prompts import GOAL_OF_OPTION, goal_of
from gfm_ra.network import Network

STANDARD = "-"
FORMATS = ("csv", "tsv", "json", "npy", "npz", "parquet", "mat", "h5")


class Question(NamedTuple):
    """Gains that were looked at."""

    name: str  # what messages call them
    gains: Gains
    summary: str  # how they were understood
    notes: tuple[str, ...]  # what looks wrong but may be meant
    unknown: int  # gains that are not known

    def tell(self) -> None:
        """Say how they were understood and what looks wrong."""
        for line in (self.summary, *self.notes):
            say(line)

    def networks(self) -> Iterator[Network]:
        """The file's networks part by part, so that memory does not grow with their number."""
        for part in self.gains.parts():
            yield Network(gain_db=part) if self.gains.unit == "db" else Network(part)


def check(chosen: argparse.Namespace) -> None:
    """Refuse what contradicts itself, before anything is read.

    Raises:
        InputError: a unit that is said in two ways, or stdin without a format.
    """
    if chosen.db and chosen.unit == "linear":
        raise InputError("--db and --unit linear: say one of them")
    if chosen.gains == STANDARD and chosen.format is None:
        raise InputError(f"- needs --format: say what stdin is, {', '.join(FORMATS)}")
    if chosen.gains == STANDARD and chosen.format not in FORMATS:
        raise InputError(f"--format {chosen.format}: choose one of {', '.join(FORMATS)}")


def name_of(chosen: argparse.Namespace) -> str:
    """What messages call the file of the gains."""
    return "stdin" if chosen.gains == STANDARD else chosen.gains


@contextmanager
def file_of(chosen: argparse.Namespace) -> Iterator[Path]:
    """The file of the gains; what stdin holds, as a file: formats are read from files, and it may be read twice."""
    if chosen.gains != STANDARD:
        yield Path(chosen.gains)
        return
    with tempfile.TemporaryDirectory(prefix="gfm-ra-") as folder:
        path = Path(folder) / f"stdin.{chosen.format}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield path


def opened(chosen: argparse.Namespace, path: Path) -> Gains:
    """The gains of the file, as the options say that they are to be understood.

    Raises:
        InputError: it holds bands or limits of powers, which `gfm-ra allocate` alone heeds.
    """
    if holds_limits(path):
        raise InputError(
            f"{name_of(chosen)} holds bands or limits of powers: `gfm-ra allocate` alone heeds them"
        )
    return open_gains(path, "db" if chosen.db else chosen.unit, chosen.orientation or RECEIVERS)


def looked_at(chosen: argparse.Namespace, path: Path, gains: Gains) -> Question:
    """Read all gains once; nothing is said yet.

    Raises:
        InputError: something looks wrong and --strict is said, or the file is damaged.
    """
    name = name_of(chosen)
    looked = survey(gains)
    notes = tuple(note.replace(str(path), name) for note in looked.notes)
    if chosen.strict and notes:
        raise InputError(f"{notes[0]} (--strict)")
    summary = looked.summary().replace(str(path), name)
    return Question(name, gains, summary, notes, looked.findings.unknown)


def goal_for(chosen: argparse.Namespace, tuned: Objective | None, links: int) -> Objective:
    """The goal that was asked for, or the one that the model was tuned for."""
    weights = read_weights(Path(chosen.weights), links) if chosen.weights else None
    options = {name: getattr(chosen, name) for name in GOAL_OF_OPTION}
    return goal_of(chosen.goal or tuned or SumRate.name, weights, (links,), **options)


def without_nan(value: object) -> object:
    """Nested lists in which what is not known is None, as JSON has it."""
    if isinstance(value, list):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def say(line: str) -> None:
    """A line for the person, beside the result."""
    print(f"gfm-ra: {line}", file=sys.stderr)  # noqa: T201
