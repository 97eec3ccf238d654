"""`gfm-ra allocate`: gains from a file, powers into one."""

import argparse
import json
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.cli import bands, edges, question, slices
from gfm_ra.cli.explain import Explanations
from gfm_ra.cli.question import STANDARD, say, without_nan
from gfm_ra.errors import InputError
from gfm_ra.files.edges import holds_edges
from gfm_ra.files.gains import Gains
from gfm_ra.files.limits import holds_limits
from gfm_ra.files.writers import check_writable, writing
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.proven import check_certifiable
from gfm_ra.inference.under_rules import Price, under_rules
from gfm_ra.loading import load
from gfm_ra.rules.hard_rules import Rules
from gfm_ra.rules.preparation import bound
from gfm_ra.slices.status import notes as slice_notes

_OUTPUT_FORMATS = ("csv", "tsv", "json")


def command(chosen: argparse.Namespace) -> int:
    """Read, check, answer part by part, write."""
    _check(chosen)
    with ExitStack() as stack:
        path = stack.enter_context(question.file_of(chosen))
        inputs = [path, *(Path(each) for each in (chosen.weights, chosen.rules) if each)]
        out = Path(chosen.powers) if chosen.powers not in (None, STANDARD) else None
        if out is not None:
            check_writable(out, inputs)
        if holds_edges(path):
            edges.allocate(chosen, path)
            return 0
        if chosen.ray:
            raise InputError(
                f"--ray is of files of edges, and {question.name_of(chosen)} holds matrices: leave it out"
            )
        if holds_limits(path):
            bands.allocate(chosen, path)
            return 0
        gains = question.opened(chosen, path)
        allocator = load(chosen.model)
        goal = question.goal_for(chosen, allocator.objective, gains.links)
        rules = _rules(chosen, gains.links)
        asked = question.looked_at(chosen, path, gains)
        effort: Effort = chosen.effort or "balanced"
        allocator.check(goal, effort, asked.unknown > 0)
        groups = slices.of(chosen, gains.links, asked.unknown)
        if chosen.certify:
            check_certifiable(asked.unknown, goal)
        explanations = Explanations(asked, chosen.json) if chosen.explain else None
        asked.tell()
        remarks = allocator.remarks(goal, effort)
        write = None if chosen.json else _standard_output(chosen.format)
        if out is not None:
            shape = (gains.links,) if gains.single else (gains.networks, gains.links)
            write = stack.enter_context(writing(out, shape, np.dtype(np.float32), "power"))
        answers: list[Allocation] = []
        summary, price = _Summary(), Price()
        seed, certify = chosen.seed or 0, bool(chosen.certify)
        if groups:
            parts = slices.parts(allocator, asked.networks(), groups, chosen, effort)
        else:
            parts = allocator.parts(asked.networks(), goal, effort, remarks, seed, certify=certify)
        for plain in parts:
            answer = under_rules(plain, rules, allocator.network, effort, seed)
            if rules is not None:
                price.add(answer)
            if write is not None:
                write(answer.power[0] if gains.single else answer.power)
            summary.add(answer)
            if explanations:
                explanations.add(answer)
            # Gains take more memory than answers.
            answers += [replace(answer, network=None)] if chosen.json or groups else []
    told = slices.together(answers)
    priced = [price.line()] if rules is not None else []
    notes = [*remarks.lines(gains.single), *slice_notes(told, gains.single), *priced]
    if chosen.json:
        found = _as_json(answers, gains.single) | {"notes": [*asked.notes, *notes]}
        found |= {"slices": slices.as_json(told, gains.single)} if groups else {}
        print(json.dumps(found | (explanations.as_json() if explanations else {})))  # noqa: T201
    for note in notes:
        say(note)
    say(f"{out or 'stdout'}: {summary.line(gains)}")
    if groups and not chosen.json:
        print(slices.text(told), file=sys.stderr)  # noqa: T201
    if explanations and not chosen.json:
        print(explanations.text(), file=sys.stderr)  # noqa: T201
    return 0


def _check(chosen: argparse.Namespace) -> None:
    question.check(chosen)
    if chosen.slice and chosen.rules:
        raise InputError("--slice and --rules: slices under rules are not answered: leave one of them out")
    if chosen.format is not None and chosen.gains != STANDARD:
        if chosen.powers is not None:
            raise InputError("--format is of stdin and stdout: the ending of a file says what it is")
        if chosen.format not in _OUTPUT_FORMATS:
            raise InputError(f"--format {chosen.format}: choose one of {', '.join(_OUTPUT_FORMATS)}")
    if chosen.tile_links is not None and not chosen.ray:
        raise InputError("--tile-links is of --ray: say both, or neither")
    if chosen.polish is not None and chosen.polish < 0:
        raise InputError(f"--polish {chosen.polish}: must be 0 or more")
    if chosen.guard or chosen.polish is not None:
        old = "--guard" if chosen.guard else "--polish"
        if chosen.effort == "fast":
            raise InputError(f"{old} and --effort fast contradict each other: say --effort balanced")
        say(f"{old} is part of --effort balanced now: it does nothing more")


def _rules(chosen: argparse.Namespace, links: int) -> Rules | None:
    """Hard rules of the networks of the file, the same for all, checked for as many links."""
    if not chosen.rules:
        return None
    rules = Rules.from_file(Path(chosen.rules))
    if chosen.certify:
        raise InputError("--certify and --rules: nothing can be proven under rules, leave one of them out")
    bound(None, rules, (1, links))
    return rules


def _standard_output(kind: str | None):  # noqa: ANN202
    separator = "\t" if kind == "tsv" else ","

    def write(power: np.ndarray) -> None:
        np.savetxt(sys.stdout, np.atleast_2d(power), fmt="%.7g", delimiter=separator)

    return write


def _as_json(answers: list[Allocation], single: bool) -> dict[str, Any]:
    """All answers as one object; what is not known is null."""
    found: dict[str, Any] = {}
    keys = ("power", "rate", "utility", "source", "below_min_rate")
    further = [key for key in ("gap", "price") if getattr(answers[0], key) is not None]
    for key in (*keys, *further):
        values = np.concatenate([np.atleast_1d(getattr(answer, key)) for answer in answers])
        listed = values.tolist()
        found[key] = without_nan(listed[0] if single else listed)
    return found


class _Summary:
    """What came out, over all parts."""

    def __init__(self) -> None:
        self._sum_rate, self._known, self._missed = 0.0, 0, 0
        self._sources: Counter[str] = Counter()
        self._largest_gap: float | None = None

    def add(self, answer: Allocation) -> None:
        """Count the answers to [B] networks."""
        known = answer.rate[~np.isnan(answer.rate).any(-1)]
        self._sum_rate += float(known.sum())
        self._known += len(known)
        self._missed += int(answer.below_min_rate.sum())
        self._sources.update(map(str, answer.source))
        if answer.gap is not None:
            self._largest_gap = max(self._largest_gap or 0.0, float(np.max(answer.gap)))

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
        if self._largest_gap is not None:
            most = "at most " if gains.networks > 1 else ""
            words.append(f"proven: {most}{self._largest_gap:.2g} below an upper bound of the optimum")
        return "; ".join(words)
