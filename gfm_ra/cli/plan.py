"""`gfm-ra plan`: measurements of cells and terminals in, powers in dBm and expected rates out."""

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.cli import question
from gfm_ra.cli.question import say, without_nan
from gfm_ra.cli.tables import table
from gfm_ra.explain import picture
from gfm_ra.files.paths import check_output
from gfm_ra.loading import load
from gfm_ra.measurements.checks import Conditions
from gfm_ra.measurements.map_picture import check_positions, figure
from gfm_ra.measurements.measured import network_of
from gfm_ra.measurements.reading import read_measurements
from gfm_ra.measurements.tables import time_s
from gfm_ra.planning import Plan, plan

_MOST_LEFT_OUT = 20
_CONDITIONS = {
    "noise_figure": "noise_figure_db", "error": "error_db", "speed": "speed_m_per_s", "max_age": "max_age_s",
}  # fmt: skip


def command(chosen: argparse.Namespace) -> int:
    """Read, check, answer, tell."""
    inputs = [Path(name) for name in (chosen.reports, chosen.cells, chosen.weights) if name]
    if chosen.plot:
        picture.check(Path(chosen.plot))
        check_output(Path(chosen.plot), inputs)
    given = _conditions(chosen)
    found = read_measurements(Path(chosen.reports), Path(chosen.cells), chosen.uplink)
    measured = network_of(found.reports, found.cells, given, chosen.terminals)
    measured = dataclasses.replace(measured, notes=(*found.notes, *measured.notes))
    if chosen.plot:
        check_positions(measured)
    allocator = load(chosen.model)
    goal = question.goal_for(chosen, allocator.objective, measured.network.links)
    answer = plan(allocator, measured, goal=goal, effort=chosen.effort or "balanced", seed=chosen.seed or 0)
    _tell(answer)
    if chosen.json:
        print(json.dumps(as_json(answer)))  # noqa: T201
    else:
        print(as_text(answer))  # noqa: T201
    if chosen.plot:
        power = answer.power_dbm
        picture.save(figure(measured, power), Path(chosen.plot))
        say(f"{chosen.plot}: cells, terminals, links and powers")
    return 0


def _conditions(chosen: argparse.Namespace) -> Conditions:
    """What the options say of the measurements. Raises ValueError for numbers that are out of range."""
    given: dict[str, Any] = {
        name: getattr(chosen, option)
        for option, name in _CONDITIONS.items()
        if getattr(chosen, option) is not None
    }
    if chosen.now is not None:
        given["now_s"] = time_s(chosen.now, "--now")
    return Conditions(uplink=chosen.uplink, **given)


def _tell(answer: Plan) -> None:
    """What was not used and what should be known, on stderr."""
    left_out = answer.measured.left_out
    for line in left_out[:_MOST_LEFT_OUT]:
        say(f"left out: {line}")
    if len(left_out) > _MOST_LEFT_OUT:
        say(f"left out: {len(left_out) - _MOST_LEFT_OUT} more (--json lists all)")
    for line in (*answer.measured.notes, *answer.notes):
        say(line)
    say(f"powers: {', '.join(dict.fromkeys(answer.source))}")


def _columns(answer: Plan) -> list[dict[str, Any]]:
    """A row per round and cell, for tables and JSON."""
    measured, rows = answer.measured, []
    full_dbm = measured.full_dbm
    for number, terminals in enumerate(measured.terminals):
        for link, (cell, terminal) in enumerate(zip(measured.cells, terminals, strict=True)):
            place = (number, link)
            today = None if measured.uplink else cell.power_dbm
            rows.append(
                {
                    "round": number,
                    "cell": cell.name,
                    "terminal": terminal.terminal,
                    "full_power_dbm": float(full_dbm[place]),
                    "power_today_dbm": today,
                    "power_dbm": float(answer.power_dbm[place]),
                    "power": float(answer.power[place]),
                    "rate_full": float(answer.rate_full[place]),
                    "rate_today": None if answer.rate_today is None else float(answer.rate_today[place]),
                    "rate": float(answer.rate[place]),
                }
            )
    return rows


def as_json(answer: Plan) -> dict[str, Any]:
    """All of a plan; silent transmitters have power_dbm null."""
    rows = [{name: without_nan(value) for name, value in row.items()} for row in _columns(answer)]
    return {
        "links": rows,
        "sum_rate_full": float(answer.rate_full.sum(-1).mean()),
        "sum_rate_today": None if answer.rate_today is None else float(answer.rate_today.sum(-1).mean()),
        "sum_rate": float(answer.rate.sum(-1).mean()),
        "source": list(answer.source),
        "notes": [*answer.measured.notes, *answer.notes],
        "left_out": list(answer.measured.left_out),
    }


def as_text(answer: Plan) -> str:
    """A table of the links, and sums below."""
    several, today = len(answer.measured.terminals) > 1, answer.rate_today is not None
    kinds = ["full", "today", "plan"] if today else ["full", "plan"]
    named = ["round", "cell", "terminal"] if several else ["cell", "terminal"]
    powers = {"full": "full_power_dbm", "today": "power_today_dbm", "plan": "power_dbm"}
    rates = {"full": "rate_full", "today": "rate_today", "plan": "rate"}
    lines = [
        [
            *(str(row[name]) for name in named),
            *(_dbm(row[powers[kind]]) for kind in kinds),
            *(f"{row[rates[kind]]:.2f}" for kind in kinds),
        ]
        for row in _columns(answer)
    ]
    header = [*named, *kinds, "rate: full", *kinds[1:]]
    caption = f"powers in dBm, and expected rates in bit/s/Hz: {', '.join(kinds)}"
    return "\n".join([caption, table(header, lines, left=len(named)), *_sums(answer)])


def _dbm(power_dbm: float) -> str:
    return "silent" if power_dbm == -math.inf else f"{power_dbm:.1f}"


def _sums(answer: Plan) -> list[str]:
    """Expected sums and geometric means of the rates before and after."""
    kinds = [
        ("all at full power", answer.rate_full),
        ("today's powers", answer.rate_today),
        ("plan", answer.rate),
    ]
    lines = []
    for name, rate in kinds:
        if rate is not None:
            mean = float(np.exp(np.log(np.maximum(rate, 1e-12)).mean()))
            lines.append(
                f"{name}: expected sum rate {rate.sum(-1).mean():.2f}, geometric mean {mean:.3f} bit/s/Hz"
            )
    return lines
