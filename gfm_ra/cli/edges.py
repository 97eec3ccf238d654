"""`gfm-ra allocate` for a file that lists the edges of a sparse network."""

import argparse
import json
from pathlib import Path

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.cli import question, workshop
from gfm_ra.cli.question import STANDARD, say, without_nan
from gfm_ra.doubts import doubts
from gfm_ra.errors import InputError, UserError
from gfm_ra.files.edges import read_edges, read_positions
from gfm_ra.files.writers import write_array
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goals import Objective
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.loading import REGISTRY, load


def allocate(chosen: argparse.Namespace, path: Path) -> None:
    """Read the edges, answer, write.

    Raises:
        InputError: an option that means nothing for edges, edges that are no network, or gains that look wrong and
            --strict is said.
    """
    _check(chosen)
    network = read_edges(path)
    name = question.name_of(chosen)
    say(f"{name}: {network.links} links, {network.edges} gains listed, row = receiver of an edge")
    if chosen.strict and (wrong := doubts(network)):
        raise InputError(f"{name}: {wrong[0]} (--strict)")
    allocator = load(chosen.model)
    goal = question.goal_for(chosen, allocator.objective, network.links)
    effort: Effort = chosen.effort or "balanced"
    if chosen.ray:
        answer = _by_tiles(chosen, path, network, allocator, goal, effort)
    else:
        answer = allocator.allocate(
            network, goal=goal, effort=effort, seed=chosen.seed or 0, certify=bool(chosen.certify)
        )
    out = chosen.powers
    if out not in (None, STANDARD):
        write_array(Path(out), answer.power, "power")
    if chosen.json:
        print(json.dumps(_as_json(answer)))  # noqa: T201
    elif out in (None, STANDARD):
        print("\n".join(f"{power:.7g}" for power in answer.power.tolist()))  # noqa: T201
    for note in answer.notes:
        say(note)
    missing = int(answer.below_min_rate)
    below = f"; {missing} link{'s' * (missing > 1)} below the least rate" if missing else ""
    if answer.gap is not None:
        below += f"; proven: {float(answer.gap):.2g} below an upper bound of the optimum"
    rate = float(answer.rate.sum())
    say(
        f"{out or 'stdout'}: powers of {network.links} links; sum rate {rate:.6g} bit/s/Hz{below}; {answer.source}"
    )


def _by_tiles(
    chosen: argparse.Namespace,
    path: Path,
    network: SparseNetwork,
    allocator: Allocator,
    goal: Objective,
    effort: Effort,
) -> Allocation:
    """The answer of a Ray cluster."""
    module = workshop.module("pipelines.tiles.answers")
    if module is None:
        raise UserError(
            "`gfm-ra allocate --ray` is a command of a clone: clone the project and run `make install`"
        )
    model = chosen.model
    if model is not None and Path(model).is_dir():
        model = str(Path(model).resolve())  # tasks run in folders of their own
    more = {} if chosen.tile_links is None else {"tile_links": chosen.tile_links}
    return module.by_tiles(  # type: ignore[attr-defined]
        allocator,
        network,
        goal,
        effort,
        seed=chosen.seed or 0,
        model=model,
        position_m=read_positions(path),
        tell=lambda round: say(f"round {round.number}: utility {round.utility:.6g}"),
        **more,
    )


def _check(chosen: argparse.Namespace) -> None:
    if chosen.ray and chosen.certify:
        raise InputError("--certify is answered in one process: leave out --ray or --certify")
    if chosen.ray and (chosen.model or "").startswith(REGISTRY):
        raise InputError(
            f"--model {chosen.model}: tiles need weights of the package or in a folder that every node sees"
        )
    named = {
        "--unit": chosen.unit, "--db": chosen.db, "--orientation": chosen.orientation,
        "--explain": chosen.explain, "--slice": chosen.slice, "--rules": chosen.rules,
    }  # fmt: skip
    for option, value in named.items():
        if value:
            raise InputError(
                f"{option} is of matrices: leave it out for a file of edges, whose columns say what they are"
            )
    if chosen.format not in (None, "csv", "parquet", "npz"):
        raise InputError(f"--format {chosen.format}: powers of a file of edges go to stdout one per line")


def _as_json(answer: Allocation) -> dict[str, object]:
    found: dict[str, object] = {
        "power": answer.power.tolist(),
        "rate": answer.rate.tolist(),
        "utility": without_nan(float(answer.utility)),
        "source": str(answer.source),
        "below_min_rate": int(np.asarray(answer.below_min_rate)),
        "notes": list(answer.notes),
    }
    return found if answer.gap is None else found | {"gap": float(answer.gap)}
