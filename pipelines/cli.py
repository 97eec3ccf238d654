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
    model: Annotated[str, typer.Option(help="Registered model.")] = "models:/gfm-ra-sum-rate@champion",
    db: Annotated[bool, typer.Option(help="The gains are in dB over noise, not linear.")] = False,
) -> None:
    """Set the power of every transmitter.

    Example: gfm-ra allocate gains.npy powers.npy --db --model models:/gfm-ra-qos@champion
    """
    values = read_gains(gains)
    if not db and (values < 0).any():
        raise UserError(f"{gains} holds negative gains: say --db if they are in dB")
    gain_db = values if db else to_gain_db(values)
    tracking.connect()
    try:
        answer = tracking.load(model)(gain_db.reshape(-1, *gain_db.shape[-2:]))
    except ValueError as error:
        raise UserError(f"{gains}: {error}") from None
    np.save(powers, answer.reshape(gain_db.shape[:-1]))
    Console().print(f"{powers}: powers of {answer.shape[1]} links in {answer.shape[0]} snapshots")


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
