"""`gfm-ra allocate` for a file with bands, limits or budgets of power."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from gfm_ra.cli import question
from gfm_ra.cli.question import STANDARD, say, without_nan
from gfm_ra.cli.tables import table
from gfm_ra.doubts import doubts
from gfm_ra.errors import InputError
from gfm_ra.files.gains import RECEIVERS
from gfm_ra.files.limits import read_limited
from gfm_ra.files.writers import write_array
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.loading import load
from gfm_ra.network import Network
from gfm_ra.rules.hard_rules import Rules

_COLUMNS = 8
"""Bands that the table has a column for."""


def allocate(chosen: argparse.Namespace, path: Path) -> None:
    """Read the network, answer, write.

    Raises:
        InputError: an option that means nothing here, a network that is none, or gains that look wrong and --strict is
            said.
    """
    if chosen.explain:
        raise InputError("--explain explains neither bands nor budgets yet: leave it out")
    if chosen.slice:
        raise InputError("--slice is not answered for bands or budgets yet: leave it out")
    if chosen.format not in (None, "csv", "tsv", "npz"):
        raise InputError(f"--format {chosen.format}: choose csv or tsv")
    unit = "db" if chosen.db else chosen.unit
    network = read_limited(path, unit, chosen.orientation or RECEIVERS)
    name = question.name_of(chosen)
    say(f"{name}: {_words(network)}")
    if chosen.strict and (wrong := doubts(network)):
        raise InputError(f"{name}: {wrong[0]} (--strict)")
    rules = None if chosen.rules is None else Rules.from_file(chosen.rules)
    allocator = load(chosen.model)
    goal = question.goal_for(chosen, allocator.objective, network.links)
    effort: Effort = chosen.effort or "balanced"
    answer = allocator.allocate(
        network, goal=goal, effort=effort, seed=chosen.seed or 0, certify=bool(chosen.certify), rules=rules
    )
    out = None if chosen.powers in (None, STANDARD) else chosen.powers
    if out is not None:
        _write(Path(out), answer.power)
    if chosen.json:
        print(json.dumps(_as_json(answer)))  # noqa: T201
    elif out is None:
        rows = answer.power.reshape(-1, network.links)
        np.savetxt(sys.stdout, rows, fmt="%.7g", delimiter="\t" if chosen.format == "tsv" else ",")
    if not network.shape and not chosen.json:
        print(_table(answer), file=sys.stderr)  # noqa: T201
    for note in answer.notes:
        say(note)
    say(f"{out or 'stdout'}: powers of {_words(network)}; {_reached(answer)}")


def _reached(answer: Allocation) -> str:
    """What the powers lead to, as far as gains are known, and where they come from, in one line."""
    words: list[str] = []
    total = answer.rate.sum(-1)
    known = total[np.isfinite(total)]
    if known.size:
        words.append(f"mean sum rate {known.mean():.4g} bit/s/Hz")
    missing = int(np.sum(answer.below_min_rate))
    if missing:
        words.append(f"{missing} link{'s' * (missing > 1)} below the least rate")
    words.append(", ".join(sorted(set(np.atleast_1d(answer.source).tolist()))))
    if answer.gap is not None:
        most = "at most " if np.size(answer.gap) > 1 else ""
        words.append(f"proven: {most}{float(np.max(answer.gap)):.2g} below an upper bound of the optimum")
    return "; ".join(words)


def _write(path: Path, power: np.ndarray) -> None:
    """Powers in the shape of the networks; formats of rows alone take a row per band."""
    rows_alone = path.suffix.lower() in (".csv", ".tsv", ".parquet")
    write_array(path, power.reshape(-1, power.shape[-1]) if rows_alone and power.ndim > 2 else power, "power")


def _words(network: Network) -> str:
    count = int(np.prod(network.shape))
    bands = f" in {network.bands} band{'s' * (network.bands > 1)}" if network.bands else ""
    return f"{network.links} link{'s' * (network.links > 1)}{bands}, {count} network{'s' * (count > 1)}"


def _table(answer: Allocation) -> str:
    """Every link's rate, its power in all and in each band."""
    power = np.atleast_2d(answer.power)  # [F, K]
    shown = power[:_COLUMNS] if answer.rate_per_band is not None else power[:0]
    header = ["link", "rate", "power", *(f"band {band}" for band in range(len(shown)))]
    rows = [
        [
            str(link),
            f"{answer.rate[link]:.3g}",
            f"{power[:, link].sum():.3g}",
            *(f"{each:.3g}" for each in shown[:, link]),
        ]
        for link in range(power.shape[1])
    ]
    return table(header, rows)


def _as_json(answer: Allocation) -> dict[str, object]:
    found: dict[str, object] = {
        "power": answer.power.tolist(),
        "rate": without_nan(answer.rate.tolist()),
        "utility": without_nan(np.asarray(answer.utility).tolist()),
        "source": np.asarray(answer.source).tolist(),
        "below_min_rate": np.asarray(answer.below_min_rate).tolist(),
        "notes": list(answer.notes),
    }
    if answer.rate_per_band is not None:
        found["rate_per_band"] = without_nan(answer.rate_per_band.tolist())
    if answer.price is not None:
        found["price"] = without_nan(np.asarray(answer.price).tolist())
    return found if answer.gap is None else found | {"gap": np.asarray(answer.gap).tolist()}
