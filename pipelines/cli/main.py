"""The command line for people who have gains and want powers: `gfm-ra --help`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from gfm_ra.files.gains import check_writable, read_gains, write_array
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted, by_name
from gfm_ra.units import to_gain, to_gain_db
from pipelines.cli import models as cli_models
from pipelines.cli import tools as cli_tools
from pipelines.registry import versions
from pipelines.runtime import runs
from pipelines.runtime.errors import EXPECTED, UserError, one_line
from pipelines.serving.requests import GOAL_OF

GOALS = tuple(kind.name for kind in (SumRate, ProportionalFair, QoS, AlphaFair))

app = typer.Typer(
    help="Power control for interfering links, by models registered in MLflow.",
    epilog="Complete commands with the tab key: gfm-ra --install-completion",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(cli_models.app, name="models")
cli_tools.add_to(app)

GAINS = (
    "Gains: .npy, .npz, .csv or .parquet, shape (K, K) or (B, K, K); row = receiver, column = transmitter."
)
POWERS = "Powers, in any of these formats: parts of full power, shape (K) or (B, K)."


@app.command(
    epilog="Examples:\n\n"
    "gfm-ra allocate gains.npy powers.npy\n\n"
    "gfm-ra allocate gains_db.csv powers.csv --db --goal qos --min-rate 0.5\n\n"
    "gfm-ra allocate gains.npz powers.npz --goal proportional-fair --polish 5 --guard\n\n"
    "gfm-ra allocate data/simulate/D16.test.00000.parquet powers.parquet --weights priorities.csv"
)
def allocate(
    gains: Annotated[Path, typer.Argument(help=GAINS)],
    powers: Annotated[Path, typer.Argument(help=POWERS)],
    model: Annotated[str | None, typer.Option(help=cli_tools.MODEL, show_default=False)] = None,
    db: Annotated[
        bool, typer.Option("--db", help="The gains are in dB over noise (known if they are called gain_db).")
    ] = False,
    goal: Annotated[
        str | None,
        typer.Option(
            help="For the prompted model: sum-rate (if not given), proportional-fair, qos or alpha-fair.",
            autocompletion=lambda: list(GOALS),
        ),
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Fairness of goal alpha-fair, from 0 on.")] = None,
    min_rate: Annotated[float | None, typer.Option(help="Least rate of goal qos, bit/s/Hz.")] = None,
    penalty: Annotated[float | None, typer.Option(help="Of goal qos, per missing bit/s/Hz.")] = None,
    weights: Annotated[Path | None, typer.Option(help="File of K priorities, .npy or .csv.")] = None,
    polish: Annotated[int, typer.Option(min=0, help="WMMSE iterations from the model's powers.")] = 0,
    guard: Annotated[
        bool, typer.Option("--guard", help="Never worse than full reuse or one WMMSE run for the same goal.")
    ] = False,
) -> None:
    """Set the power of every transmitter."""
    check_writable(powers)
    if gains.absolute() == powers.absolute():
        raise UserError(f"{powers} holds the gains: name another file for the powers")
    found = read_gains(gains)
    if db and found.db is False:
        raise UserError(
            f"{gains} calls its gains `gain`, which is linear: leave out --db, or call them gain_db"
        )
    in_db = db if found.db is None else found.db
    if not in_db and (found.values < 0).any():
        raise UserError(f"{gains} holds negative gains: say --db if they are in dB")
    gain_db = found.values if in_db else to_gain_db(found.values)
    with np.errstate(over="ignore"):  # what overflows is refused by the model, as infinite
        batch = np.asarray(gain_db, np.float32).reshape(-1, *gain_db.shape[-2:])
    params = goal_params(goal, alpha=alpha, min_rate=min_rate, penalty=penalty)
    if weights is not None:
        params["weights"] = read_weights(weights, batch.shape[-1])
    runs.connect(create=False)
    model = cli_tools.chosen(model)
    predict = versions.load(model)
    try:
        if polish or guard:
            answer, note = refined(
                lambda values: predict(values, **params), batch, model, params, polish, guard
            )
        else:
            answer, note = predict(batch, **params), ""
    except ValueError as error:
        raise UserError(f"{model} refuses {gains} or its goal: {error}") from None
    write_array(powers, answer.reshape(gain_db.shape[:-1]), "power")
    Console().print(
        f"{powers}: powers of {answer.shape[1]} links in {answer.shape[0]} snapshots{note}", highlight=False
    )


def goal_params(goal: str | None, **numbers: float | None) -> dict[str, str | float | list[float]]:
    """What was given of a goal, for the model; the model checks the values.

    Raises:
        UserError: a number was given that this goal has no use for.
    """
    given: dict[str, str | float | list[float]] = {
        name: value for name, value in numbers.items() if value is not None
    }
    for name in given:
        if goal != GOAL_OF[name]:
            raise UserError(
                f"--{name.replace('_', '-')} belongs to --goal {GOAL_OF[name]}: say both or neither"
            )
    return given if goal is None else {"goal": goal} | given


def read_weights(path: Path, links: int) -> list[float]:
    """One priority per link from a file.

    Raises:
        UserError: it is missing, or does not hold K numbers.
    """
    try:
        values = (
            np.load(path, allow_pickle=False) if path.suffix == ".npy" else np.loadtxt(path, delimiter=",")
        )
        return [float(value) for value in np.reshape(values, links)]
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give {links} priorities, one per link") from None
    except (ValueError, EOFError, OverflowError) as error:
        raise UserError(f"{path} must hold {links} numbers, one priority per link ({error})") from None


def refined(
    predict: Callable[[np.ndarray], np.ndarray],
    batch: np.ndarray,
    model: str,
    params: dict,
    polish: int,
    guard: bool,
) -> tuple[np.ndarray, str]:
    """Powers after refinement and fallback, and a note on where they come from."""
    from pipelines.serving.allocator import (
        served_allocator,  # brings torch, which a plain answer does not need
    )

    goal = objective_of(model, params)
    found = served_allocator(predict, goal).explain(to_gain(batch), goal, polish, guard)
    names, counts = np.unique(found.source, return_counts=True)
    for note in found.notes:
        print(f"gfm-ra: {note}", file=sys.stderr)  # noqa: T201 (the one line for the person)
    return (
        found.power,
        f" ({', '.join(f'{name}: {count}' for name, count in zip(names, counts, strict=True))})",
    )


def objective_of(model: str, params: dict) -> Objective:
    """What refinement and fallback maximise: the goal that was given, or the one that the model was tuned for."""
    numbers = {name: params[name] for name in GOAL_OF if name in params}
    plain = by_name(params.get("goal") or tuned_for(model) or SumRate.name, **numbers)
    return Weighted(plain, np.asarray(params["weights"], np.float32)) if "weights" in params else plain


def tuned_for(model: str) -> str | None:
    """The objective that a model's card names, wherever the model lies; None for a model of any goal.

    Raises:
        UserError: the model has no card.
    """
    from components.training.checkpoint import CONFIG_NAME  # brings torch, which a plain answer does not need

    cards = list(versions.fetch(model).glob(f"artifacts/*/{CONFIG_NAME}"))
    if len(cards) != 1:
        raise UserError(f"{model} does not say what it was tuned for: leave out --polish and --guard")
    return json.loads(cards[0].read_text()).get("objective")


def main() -> None:
    """Entry point: expected errors become one line."""
    try:
        app()
    except EXPECTED as error:
        print(f"gfm-ra: {one_line(error)}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)


if __name__ == "__main__":
    main()
