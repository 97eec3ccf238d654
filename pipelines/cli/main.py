"""The commands of a clone, which `gfm-ra` hands over: simulate, serve, the registry's models."""

import sys
from collections.abc import Sequence

import typer

from gfm_ra.errors import InputError
from pipelines.cli import adapt as cli_adapt
from pipelines.cli import models as cli_models
from pipelines.cli import tools as cli_tools
from pipelines.runtime.errors import EXPECTED, one_line

app = typer.Typer(
    name="gfm-ra",
    help="Commands of a clone; `gfm-ra --help` lists all of them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(cli_models.app, name="models")
cli_tools.add_to(app)
cli_adapt.add_to(app)


def main(words: Sequence[str] | None = None) -> None:
    """Do what the words, by default the command line's, say: expected errors become one line."""
    try:
        app(None if words is None else list(words), prog_name="gfm-ra")
    except EXPECTED as error:
        print(f"gfm-ra: {one_line(error)}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(2 if isinstance(error, InputError) else 1)


if __name__ == "__main__":
    main()
