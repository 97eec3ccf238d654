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

from components.data.shards import DataError
from pipelines.registry import versions
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
        return versions.registered_names()
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
    for name in versions.registered_names():
        for version in versions.versions(name):
            made = datetime.datetime.fromtimestamp(version.created_s).strftime("%Y-%m-%d %H:%M")
            about = (version.tags.get("objective", ""), made, version.tags.get("git_commit", "")[:10])
            table.add_row(name, version.number, ", ".join(version.aliases), _mean_ratio(version.tags), *about)
    _print(table)


@app.command(
    epilog="Examples:\n\ngfm-ra models show gfm-ra-prompted\n\ngfm-ra models show gfm-ra-qos 3 --card"
)
def show(
    name: Name,
    which: Which = versions.CHAMPION,
    card: Annotated[bool, typer.Option("--card", help="The model card instead of the tags.")] = False,
) -> None:
    """One version: where it comes from and how good it is."""
    runs.connect(create=False)
    version = versions.find(name, which)
    if card:
        _print(Markdown(version.card or "This version has no card."))
        return
    table = Table(title=f"{name} {version.number}", title_justify="left", show_header=False)
    table.add_row("aliases", ", ".join(version.aliases) or "none")
    table.add_row("address", f"models:/{name}/{version.number}")
    for key, value in sorted(version.tags.items()):
        table.add_row(key, value)
    _print(table)


@app.command(
    epilog="Examples:\n\ngfm-ra models promote gfm-ra-qos 3\n\ngfm-ra models promote gfm-ra-qos 3 --force"
)
def promote(
    name: Name,
    which: Which,
    force: Annotated[bool, typer.Option("--force", help="Without comparing it to the champion.")] = False,
) -> None:
    """Make a version champion, if it is surely better on the validation snapshots (in the repository's folder)."""
    runs.connect(create=False)
    version = versions.find(name, which)
    if versions.CHAMPION in version.aliases:
        _print(f"{name} {version.number} is champion already")
        return
    if not force and versions.alias_version(name, versions.CHAMPION) is not None:
        _print(_compared(version))
    versions.promote(name, version.number)
    _print(f"{name} {version.number} is champion now")


def _compared(version: versions.Version) -> str:
    from pipelines.stages.register import compare_versions  # brings torch, which no other command here needs

    try:
        better = compare_versions(version)
    except (UserError, DataError) as error:
        raise UserError(f"{error}; --force promotes without a comparison") from None
    said = f"ratio above the champion's: {better.value:+.4f} [{better.low:+.4f}, {better.high:+.4f}]"
    if better.low <= 0.0:
        raise UserError(f"{version.name} {version.number} is not surely better ({said}): not promoted")
    return said


@app.command(epilog="Example: gfm-ra models rollback gfm-ra-qos")
def rollback(name: Name) -> None:
    """Make the previous champion champion again; a second time undoes it."""
    runs.connect(create=False)
    versions.find(name, versions.CHAMPION)
    new, old = versions.roll_back(name)
    _print(f"{name}: {new} is champion again, {old} is {versions.PREVIOUS}")


@app.command(
    epilog="Examples:\n\ngfm-ra models export gfm-ra-prompted champion ./allocator\n\n"
    "gfm-ra models export gfm-ra-prompted champion ./small --int8\n\n"
    'Then, anywhere: mlflow.pyfunc.load_model("./allocator").predict(gain_db)'
)
def export(
    name: Name,
    which: Which,
    folder: Annotated[Path, typer.Argument(help="New folder for the model.")],
    int8: Annotated[bool, typer.Option("--int8", help="With weights in 8 bits: smaller, faster.")] = False,
) -> None:
    """Copy a version into a folder that loads on any machine, without a registry."""
    if folder.exists():
        raise UserError(f"{folder} exists: name a new folder")
    runs.connect(create=False)
    version = versions.find(name, which)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed
    try:
        made = versions.fetch(f"models:/{name}/{version.number}", partial)
        for graph in (made / "artifacts").glob("*.onnx") if int8 else ():
            from components.model.quantization import quantize

            quantize(graph, graph)
            versions.write_checksum(graph)
        # Addresses of the registry that it came from mean nothing elsewhere.
        (made / "registered_model_meta").unlink(missing_ok=True)
        made.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _print(f"{folder}: {name} {version.number}")


@app.command("relocate", epilog="Example, in the copied folder: gfm-ra models relocate")
def relocate_models(
    database: Annotated[Path, typer.Option(help="MLflow's sqlite database.")] = Path("mlflow.db"),
    artifacts: Annotated[Path, typer.Option(help="MLflow's folder of files.")] = Path(FOLDER),
) -> None:
    """Make a moved or copied registry (mlflow.db with mlartifacts/) load again."""
    try:
        changed = relocate(database, artifacts)
    except ValueError as error:
        raise UserError(str(error)) from None
    _print(f"{database}: {changed} addresses rewritten")


def _mean_ratio(tags: dict[str, str]) -> str:
    found = [float(value.split()[0]) for key, value in tags.items() if key.startswith("validation_ratio.")]
    return f"{sum(found) / len(found):.4f}" if found else ""


_print: Callable[..., None] = Console(highlight=False).print
