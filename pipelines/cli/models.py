"""`gfm-ra models`: list, show, promote, roll back, export and relocate registered models."""

import datetime
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Column, Table

from gfm_ra.inference.registered import DATABASE
from pipelines.cli import promote as cli_promote
from pipelines.registry import aliases, versions
from pipelines.registry.relocation import FOLDER, relocate
from pipelines.runtime import runs
from pipelines.runtime.errors import UserError

app = typer.Typer(
    help="The registry: list, show, promote, rollback, export, relocate.",
    no_args_is_help=True,
    epilog="Example: gfm-ra models show gfm-ra-qos champion",
)


def _names() -> list[str]:
    try:
        runs.connect(create=False)
        return aliases.registered_names()
    except UserError:  # in the middle of a word nobody wants to read of it
        return []


Name = Annotated[str, typer.Argument(help="Registered name, such as gfm-ra-qos.", autocompletion=_names)]
Which = Annotated[str, typer.Argument(help="Version number or alias.")]


@app.command("list", epilog="Example: gfm-ra models list")
def list_models() -> None:
    """Every version of every model, with its aliases."""
    runs.connect(create=False)
    fixed = [Column(title, no_wrap=True) for title in ("model", "version", "alias")]
    table = Table(*fixed, "ratio to WMMSE", "objective", "made", "git commit")
    for name in aliases.registered_names():
        for version in versions.versions(name):
            made = datetime.datetime.fromtimestamp(version.created_s).strftime("%Y-%m-%d %H:%M")
            about = (version.tags.get("objective", ""), made, version.tags.get("git_commit", "")[:10])
            table.add_row(
                name, version.number, ", ".join(version.aliases), versions.mean_ratio(version.tags), *about
            )
    _print(table)


@app.command(
    epilog="Examples:\n\ngfm-ra models show gfm-ra-prompted\n\ngfm-ra models show gfm-ra-qos 3 --card"
)
def show(
    name: Name,
    which: Annotated[
        str | None,
        typer.Argument(help="Version number or alias; the champion, or, without one, the candidate."),
    ] = None,
    card: Annotated[bool, typer.Option("--card", help="The model card instead of the tags.")] = False,
) -> None:
    """One version: where it comes from and how good it is."""
    runs.connect(create=False)
    version = versions.find(name, which or aliases.usable_alias(name))
    if card:
        _print(Markdown(version.card or "This version has no card."))
        return
    table = Table(title=f"{name} {version.number}", title_justify="left", show_header=False)
    table.add_row("aliases", ", ".join(version.aliases) or "none")
    table.add_row("address", f"models:/{name}/{version.number}")
    for key, value in sorted(version.tags.items()):
        table.add_row(key, value)
    _print(table)


app.command(epilog=cli_promote.EPILOG)(cli_promote.promote)


@app.command(epilog="Example: gfm-ra models rollback gfm-ra-qos")
def rollback(name: Name) -> None:
    """Make the previous champion champion again; a second time undoes it."""
    runs.connect(create=False)
    versions.find(name, aliases.CHAMPION)
    new, old = aliases.roll_back(name)
    _print(f"{name}: {new} is champion again, {old} is {aliases.PREVIOUS}")


@app.command(
    epilog="Examples:\n\ngfm-ra models export gfm-ra-prompted champion ./allocator\n\n"
    'Then, anywhere: mlflow.pyfunc.load_model("./allocator").predict(gain_db)'
)
def export(
    name: Name,
    which: Which,
    folder: Annotated[Path, typer.Argument(help="New folder for the model.")],
    int8: Annotated[bool, typer.Option("--int8", hidden=True)] = False,
) -> None:
    """Copy a version into a folder that loads on any machine, without a registry."""
    if int8:
        raise UserError(
            "--int8 is gone: 8-bit products saturate on processors without VNNI; leave it out, "
            "the graph of gfm-ra-prompted has 0.1 million weights"
        )
    if folder.exists():
        raise UserError(f"{folder} exists: name a new folder")
    runs.connect(create=False)
    version = versions.find(name, which)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    try:
        made = versions.fetch(f"models:/{name}/{version.number}", partial)
        # Addresses of the registry that it came from mean nothing elsewhere.
        (made / "registered_model_meta").unlink(missing_ok=True)
        made.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _print(f"{folder}: {name} {version.number}")


@app.command("relocate", epilog="Example, in the copied folder: gfm-ra models relocate")
def relocate_models(
    database: Annotated[Path, typer.Option(help="MLflow's sqlite database.")] = Path(DATABASE),
    artifacts: Annotated[Path, typer.Option(help="MLflow's folder of files.")] = Path(FOLDER),
) -> None:
    """Make a moved or copied registry (mlflow.db with mlartifacts/) load again."""
    try:
        changed = relocate(database, artifacts)
    except ValueError as error:
        raise UserError(str(error)) from None
    _print(f"{database}: {changed} addresses rewritten")


_print: Callable[..., None] = Console(highlight=False).print
