"""`gfm-ra models promote`: candidates become champions, past the gate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.data.shards import DataError
from pipelines.registry import versions
from pipelines.registry.aliases import CANDIDATE, CHAMPION, alias_version, names_with
from pipelines.registry.aliases import promote as move
from pipelines.runtime import paths, runs
from pipelines.runtime.errors import UserError

if TYPE_CHECKING:  # with torch, which `gfm-ra --help` need not wait for
    from pipelines.registry.promotion import GateResult

EPILOG = (
    "Examples:\n\ngfm-ra models promote --all\n\ngfm-ra models promote gfm-ra-qos --version 3\n\n"
    "gfm-ra models promote gfm-ra-qos --force"
)


def promote(
    names: Annotated[
        list[str] | None, typer.Argument(help="Registered names, such as gfm-ra-qos.", metavar="[NAME]...")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every model of this repository that has a candidate.")
    ] = False,
    which: Annotated[str, typer.Option("--version", help="Version number or alias.")] = CANDIDATE,
    force: Annotated[bool, typer.Option("--force", help="Without comparing it to the champion.")] = False,
) -> None:
    """Make candidates champions that are surely better on the test snapshots (in the repository's folder), and surely
    worse in no foreign world.

    One line per model says what became of it and why; exit code 1 if a model was refused.
    """
    from pipelines.registry.promotion import Decision

    runs.connect(create=False)
    refused = False
    for name in _chosen(names or [], every, which):
        status = _forced(versions.find(name, which)) if force else _evaluated(versions.find(name, which))
        # At once, since the next comparison may take a while.
        print(status, flush=True)  # noqa: T201 (what this command answers)
        refused |= status.decision == Decision.REFUSED
    if refused:
        raise typer.Exit(1)


def _chosen(names: list[str], every: bool, which: str) -> list[str]:
    if every == bool(names):
        raise UserError("name the models to promote, or say --all")
    if not every:
        return names
    from pipelines.stages.register import project_names

    ours = project_names()
    found = [name for name in names_with(which) if name in ours]
    if not found:
        raise UserError(f"no model has a version {which}: `make repro` registers candidates")
    return found


def _evaluated(version: versions.Version) -> "GateResult":
    from pipelines.stages.register import gate_of

    gate = gate_of(version.name)
    try:
        return gate.pass_through(version)
    except DataError as error:
        raise UserError(f"{_missing() or error}; --force promotes without a comparison") from None


def _missing() -> str:
    """Which folder of test snapshots is not there, and what makes it."""
    for folder, stage in ((paths.DATA, "simulate"), (paths.REFERENCES, "solve")):
        if not folder.is_dir():
            return (
                f"{folder} is missing in {Path.cwd()}, where the gate compares: `dvc repro {stage}` makes it"
            )
    return ""


def _forced(version: versions.Version) -> "GateResult":
    from pipelines.registry.promotion import Decision, GateResult

    if alias_version(version.name, CHAMPION) == version.number:
        return GateResult(version, Decision.UNCHANGED, "champion already")
    old = move(version.name, version.number)
    over = "there was none" if old is None else f"{old} is previous"
    return GateResult(version, Decision.PROMOTED, f"without a comparison; {over}")
