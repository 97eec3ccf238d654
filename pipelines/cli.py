"""The command line for people who have gains and want powers: `gfm-ra --help`."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from components.shards import to_gain_db
from pipelines import tracking
from pipelines.errors import EXPECTED, UserError, one_line

# The goal that each of a goal's numbers belongs to.
GOAL_OF = {"alpha": "alpha-fair", "min_rate": "qos", "penalty": "qos"}

app = typer.Typer(
    help="Power control for interfering links, by models registered in MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def read_gains(path: Path) -> np.ndarray:
    """Gains [B, K, K] or [K, K] from a .npy file.

    Raises:
        UserError: the file is missing, not .npy, or not numbers.
    """
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give a .npy file with gains [K, K] or [B, K, K]") from None
    except ValueError as error:
        raise UserError(f"{path} is not a .npy file of numbers ({error})") from None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu" or values.ndim not in (2, 3):
        raise UserError(f"{path} must hold numbers of shape [K, K] or [B, K, K]")
    return values


@app.command()
def allocate(
    gains: Annotated[Path, typer.Argument(help="Input .npy: gains [K, K] or [B, K, K]; row = receiver.")],
    powers: Annotated[Path, typer.Argument(help="Output .npy: powers [K] or [B, K], parts of full power.")],
    model: Annotated[str, typer.Option(help="Registered model.")] = "models:/gfm-ra-prompted@champion",
    db: Annotated[bool, typer.Option(help="The gains are in dB over noise, not linear.")] = False,
    goal: Annotated[
        str | None,
        typer.Option(
            help="For the prompted model: sum-rate (if not given), proportional-fair, qos or alpha-fair."
        ),
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Fairness of goal alpha-fair, from 0 on.")] = None,
    min_rate: Annotated[float | None, typer.Option(help="Least rate of goal qos, bit/s/Hz.")] = None,
    penalty: Annotated[float | None, typer.Option(help="Of goal qos, per missing bit/s/Hz.")] = None,
) -> None:
    """Set the power of every transmitter.

    Example: gfm-ra allocate gains.npy powers.npy --db --goal qos --min-rate 0.5
    """
    values = read_gains(gains)
    if not db and (values < 0).any():
        raise UserError(f"{gains} holds negative gains: say --db if they are in dB")
    gain_db = values if db else to_gain_db(values)
    params = goal_params(goal, alpha=alpha, min_rate=min_rate, penalty=penalty)
    tracking.connect()
    try:
        answer = tracking.load(model)(gain_db.reshape(-1, *gain_db.shape[-2:]), **params)
    except ValueError as error:
        raise UserError(f"{model} refuses {gains} or its goal: {error}") from None
    np.save(powers, answer.reshape(gain_db.shape[:-1]))
    Console().print(f"{powers}: powers of {answer.shape[1]} links in {answer.shape[0]} snapshots")


def goal_params(goal: str | None, **numbers: float | None) -> dict[str, str | float]:
    """What was given of a goal, for the model; the model checks the values.

    Raises:
        UserError: a number was given that this goal has no use for.
    """
    given: dict[str, str | float] = {name: value for name, value in numbers.items() if value is not None}
    for name in given:
        if goal != GOAL_OF[name]:
            raise UserError(
                f"--{name.replace('_', '-')} belongs to --goal {GOAL_OF[name]}: say both or neither"
            )
    return given if goal is None else {"goal": goal} | given


@app.command()
def models() -> None:
    """List the registered models that have a champion."""
    tracking.connect()
    table = Table("model", "champion", "objective", "git commit")
    for name, version, tags in tracking.champions():
        table.add_row(name, version, tags.get("objective", ""), tags.get("git_commit", "")[:10])
    Console().print(table)


def main() -> None:
    """Entry point: expected errors become one line."""
    try:
        app()
    except EXPECTED as error:
        print(f"gfm-ra: {one_line(error)}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)


if __name__ == "__main__":
    main()
