"""`gfm-ra adapt`: weights that fit an own site or utility, from a file of gains."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from gfm_ra.energy import EnergyEfficiency
from gfm_ra.errors import InputError
from gfm_ra.files.gains import RECEIVERS, open_gains
from gfm_ra.inference.prompts import goal_of
from gfm_ra.units import linear_to_db


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(
        epilog="Examples:\n\ngfm-ra adapt site.npy --goal qos --min-rate 1 -o site-weights\n\n"
        "gfm-ra adapt site.npy --utility mine:utility --way full -o site-weights\n\n"
        "gfm-ra allocate site.npy --model site-weights"
    )(adapt)


def adapt(
    gains: Annotated[
        list[Path], typer.Argument(help="Files of gains, all known: .npy, .npz, .csv, .parquet, ...")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the weights.")],
    goal: Annotated[
        str | None, typer.Option(help="sum-rate (default), proportional-fair, alpha-fair, qos.")
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Of alpha-fair.")] = None,
    min_rate: Annotated[float | None, typer.Option(help="Of qos, bit/s/Hz.")] = None,
    penalty: Annotated[float | None, typer.Option(help="Of qos, per missing bit/s/Hz.")] = None,
    utility: Annotated[
        str | None, typer.Option(help="module:function, increasing, of a torch tensor of rates [..., K].")
    ] = None,
    way: Annotated[Literal["prompt", "lora", "full"], typer.Option(help="What learns.")] = "prompt",
    weights: Annotated[
        str | None, typer.Option(help="Packaged weights or a folder; the newest unless given.")
    ] = None,
    db: Annotated[bool, typer.Option("--db", help="The files are in dB over noise.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights.")] = 1,
) -> None:
    """Adapt weights to networks like yours; half of them is held back, and what is not better there is thrown away."""
    from components.training.adaptation.adapt import adapt as run
    from components.training.adaptation.result import check_folder, save

    check_folder(out)
    function = None if utility is None else _function(utility)
    numbers = {"alpha": alpha, "min_rate": min_rate, "penalty": penalty}
    arrays = [_gains_db(path, db) for path in gains]
    try:
        if function is not None and (
            goal is not None or any(value is not None for value in numbers.values())
        ):
            raise ValueError("say either --utility or --goal with its numbers")
        if goal == EnergyEfficiency.name:
            raise ValueError(f"--goal {goal}: the network does not know it yet, and cannot be adapted to it")
        aim = (
            None
            if function is not None
            else goal_of(goal or "sum-rate", None, (arrays[0].shape[-1],), **numbers)
        )
        found = run(arrays, aim, utility=function, way=way, weights=weights, seed=seed)
    except ValueError as error:
        raise InputError(str(error)) from None
    save(found, out)
    value, low, high = found.difference
    verdict = "kept" if found.adapted else "not surely better: the weights are zero-shot's"
    line = (
        f"gfm-ra: {out}: {found.way}, {found.samples} networks; utility per link on the held-back half {value:+.4g} "
        f"[{low:+.4g}, {high:+.4g}] over zero-shot: {verdict}"
    )
    print(line, file=sys.stderr)  # noqa: T201 (the one line for the person)


def _gains_db(path: Path, db: bool) -> np.ndarray:
    """Gains of a file in dB, float32 [N, K, K]."""
    gains = open_gains(path, "db" if db else None, RECEIVERS)
    values = np.concatenate([np.asarray(part, np.float32) for part in gains.parts()])
    return values if gains.unit == "db" else np.asarray(linear_to_db(values), np.float32)


def _function(text: str) -> Any:  # noqa: ANN401 (whatever the module holds)
    """The function that module:function names, from the current folder or wherever Python finds it."""
    module, colon, name = text.partition(":")
    if not colon or not module or not name:
        raise InputError(f"--utility {text}: say module:function")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise InputError(f"--utility {text}: there is no module {error.name}") from None
    except AttributeError:
        raise InputError(f"--utility {text}: module {module} has no {name}") from None
    if not callable(found):
        raise InputError(f"--utility {text}: {name} is no function")
    return found
