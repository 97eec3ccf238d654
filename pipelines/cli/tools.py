"""`gfm-ra simulate`."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from gfm_ra.extensions import WORLDS, added, loaded
from gfm_ra.files.writers import check_writable, write_array
from gfm_ra.network import Network
from gfm_ra.units import to_gain_db
from pipelines.runtime.errors import UserError


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command(
        epilog="Examples:\n\ngfm-ra simulate gains.npy --scenario D18 --count 100\n\n"
        "gfm-ra simulate gains.csv --links 12 --min-distance 5 --max-distance 80 --db"
    )(simulate)


def simulate(
    out: Annotated[Path, typer.Argument(help="File for the gains: .npy, .npz, .csv, .parquet, ...")],
    scenario: Annotated[
        str | None, typer.Option(help="One of D1-D20 or another package's; or describe one below.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of networks.")] = 10,
    links: Annotated[int | None, typer.Option(help="Transmitter-receiver pairs.")] = None,
    min_distance: Annotated[float | None, typer.Option(help="Of a pair, in metres.")] = None,
    max_distance: Annotated[float | None, typer.Option(help="Of a pair, in metres.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same gains.")] = 0,
    db: Annotated[bool, typer.Option("--db", help="In dB over noise instead of linear.")] = False,
) -> None:
    """Draw networks at random and write their gains."""
    from components.channel.scenario import SCENARIOS, Scenario
    from components.channel.simulator import simulate as draw  # compiles, which no other command needs

    check_writable(out)
    if scenario is not None and any(value is not None for value in (links, min_distance, max_distance)):
        raise UserError("say either --scenario or --links with --min-distance and --max-distance")
    try:
        if scenario is not None and scenario not in SCENARIOS:
            gain = _of_another_package(scenario, count, seed, known=[*SCENARIOS])
        elif scenario is not None:
            gain = draw(SCENARIOS[scenario], count, seed)
        else:
            near, far = _or(min_distance, 1.0), _or(max_distance, 100.0)
            gain = draw(Scenario("own", 20 if links is None else links, near, far), count, seed)
    except ValueError as error:
        raise UserError(str(error)) from None
    write_array(out, to_gain_db(gain).astype(np.float32) if db else gain, "gain_db" if db else "gain")
    unit = "dB over noise" if db else "linear, in units of noise"
    Console(highlight=False).print(f"{out}: {count} networks of {gain.shape[-1]} links, {unit}")


def _of_another_package(name: str, count: int, seed: int, known: list[str]) -> np.ndarray:
    """Gains [count, K, K] of a world that another package adds."""
    if name not in added(WORLDS):
        raise UserError(f"scenario {name} is unknown: choose one of {', '.join([*known, *added(WORLDS)])}")
    gain = np.asarray(loaded(WORLDS, name)(count, seed))
    Network(gain)  # which refuses what are no gains
    return gain


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
