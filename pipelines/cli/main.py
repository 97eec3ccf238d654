"""The command line for people who have gains and want powers: `gfm-ra --help`."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from gfm_ra.errors import InputError
from gfm_ra.files.gains import DB, ORIENTATIONS, RECEIVERS, UNITS, open_gains
from gfm_ra.files.plausibility import survey
from gfm_ra.files.weights import read_weights
from gfm_ra.files.writers import check_writable, writing
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

GAINS = "Gains, shape (K, K) or (B, K, K): .npy, .npz, .csv, .tsv, .json, .parquet, .mat or .h5."
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
    unit: Annotated[
        str | None,
        typer.Option(help="linear, in units of noise, or db; known if the array is called gain or gain_db."),
    ] = None,
    db: Annotated[bool, typer.Option("--db", help="The same as --unit db.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse gains that look like a mistake.")] = False,
    orientation: Annotated[str, typer.Option(help=f"{' or '.join(ORIENTATIONS)}.")] = RECEIVERS,
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
    weights: Annotated[
        Path | None, typer.Option(help="File of K priorities, in any of these formats.")
    ] = None,
    polish: Annotated[int, typer.Option(min=0, help="WMMSE iterations from the model's powers.")] = 0,
    guard: Annotated[
        bool, typer.Option("--guard", help="Never worse than full reuse or one WMMSE run for the same goal.")
    ] = False,
) -> None:
    """Set the power of every transmitter."""
    check_writable(powers, [gains] if weights is None else [gains, weights])
    found = open_gains(gains, unit_of(unit, db), orientation)
    looked = survey(found)
    for note in looked.notes:
        if strict:
            raise InputError(note)
        print(f"gfm-ra: {note}", file=sys.stderr)  # noqa: T201 (what may be a mistake)
    params = goal_params(goal, alpha=alpha, min_rate=min_rate, penalty=penalty)
    if weights is not None:
        params["weights"] = read_weights(weights, found.links).tolist()
    runs.connect(create=False)
    model = cli_tools.chosen(model)
    answer = answering(versions.load(model), model, params, polish, guard)
    counts: Counter[str] = Counter()
    shape = (found.links,) if found.single else (found.networks, found.links)
    with writing(powers, shape, np.dtype(np.float32), "power") as write:
        for part in found.parts():
            with np.errstate(over="ignore"):  # what overflows is refused by the model, as infinite
                batch = np.asarray(part if found.unit == DB else to_gain_db(part), np.float32)
            try:
                power, sources = answer(batch)
            except ValueError as error:
                raise InputError(f"{model} refuses {gains} or its goal: {error}") from None
            counts.update(sources)
            write(power[0] if found.single else power)
    note = f" ({', '.join(f'{name}: {count}' for name, count in sorted(counts.items()))})" if counts else ""
    console = Console(highlight=False, soft_wrap=True)
    console.print(looked.summary(), markup=False)
    console.print(
        f"{powers}: powers of {found.links} links in {found.networks} snapshots{note}", markup=False
    )


def unit_of(unit: str | None, db: bool) -> str | None:
    """The unit that was given by --unit or --db.

    Raises:
        InputError: it is none, or the two contradict each other.
    """
    if unit is not None and unit.lower() not in UNITS:
        raise InputError(f"--unit {unit} is unknown: say {' or '.join(UNITS)}")
    if db and unit is not None and unit.lower() != DB:
        raise InputError(f"--db and --unit {unit} contradict each other: leave one of them out")
    return DB if db else unit and unit.lower()


def goal_params(goal: str | None, **numbers: float | None) -> dict[str, str | float | list[float]]:
    """What was given of a goal, for the model; the model checks the values.

    Raises:
        InputError: a number was given that this goal has no use for.
    """
    given: dict[str, str | float | list[float]] = {
        name: value for name, value in numbers.items() if value is not None
    }
    for name in given:
        if goal != GOAL_OF[name]:
            raise InputError(
                f"--{name.replace('_', '-')} belongs to --goal {GOAL_OF[name]}: say both or neither"
            )
    return given if goal is None else {"goal": goal} | given


def answering(
    predict: Callable[..., np.ndarray], model: str, params: dict, polish: int, guard: bool
) -> Callable[[np.ndarray], tuple[np.ndarray, Iterable[str]]]:
    """A function from gain_db [n, K, K] to powers [n, K] and, after refinement and fallback, where each comes from."""
    if not polish and not guard:
        return lambda batch: (predict(batch, **params), ())
    # Brings torch, which a plain answer does not need.
    from pipelines.serving.allocator import served_allocator

    goal = objective_of(model, params)
    allocator = served_allocator(lambda values: predict(values, **params), goal)

    def answer(batch: np.ndarray) -> tuple[np.ndarray, Iterable[str]]:
        found = allocator.explain(to_gain(batch), goal, polish, guard)
        return found.power, map(str, found.source)

    return answer


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
        sys.exit(2 if isinstance(error, InputError) else 1)


if __name__ == "__main__":
    main()
