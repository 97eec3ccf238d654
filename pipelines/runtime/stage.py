"""What every stage does the same way: parameters in, checks first, outputs all at once, a summary last."""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from components.config import Strict
from components.data.shards import MANIFEST_NAME, sha256_of
from pipelines.runtime import parent_watchdog, runs
from pipelines.runtime.errors import EXPECTED, UserError, describe_validation, one_line
from pipelines.runtime.import_closure import code_digest, import_closure, stage_module
from pipelines.runtime.text import read_text

PARAMS = Path("params.yaml")
RESUME = Path(".resume")
# A margin that every stage of the laptop profile stays far below; larger runs name their own need.
MIN_FREE_BYTES = 200 * 2**20
LOG_WIDTH = 130

ConfigT = TypeVar("ConfigT", bound=Strict)


@dataclass(frozen=True)
class Context(Generic[ConfigT]):
    """What a stage is given to work with."""

    config: ConfigT
    seed: int
    key: str  # digest of code, parameters and inputs: the name under which interrupted work is found again
    scratch: Path  # survives interruptions, removed after success
    run: runs.Run
    console: Console


@dataclass(frozen=True)
class Outcome:
    """What a stage gives back."""

    outputs: dict[Path, Path]  # where it belongs -> where it was made, files or folders
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage(Generic[ConfigT]):
    """A stage's name, parameter section, inputs, outputs and work."""

    name: str
    section: type[Strict]
    work: Callable[[Context[ConfigT]], Outcome]
    inputs: Callable[[ConfigT], Sequence[Path]]
    outputs: Sequence[Path]
    variant: str = ""  # the matrix item, for a stage that runs once per item
    params: Path = PARAMS  # of the DAG that it belongs to
    part: Callable[[Any], ConfigT] | None = (
        None  # of the section, for an item that depends on a part of it only
    )

    def parse(self, params: dict[str, object]) -> ConfigT:
        """What the stage is given of the parameters.

        Raises:
            UserError: the section is missing, or a parameter is unknown, mistyped or out of range.
        """
        section = parse_section(params, self.name, self.section, self.params)
        return cast(ConfigT, section) if self.part is None else self.part(section)

    @property
    def label(self) -> str:
        """Name as DVC shows it: finetune@qos."""
        return f"{self.name}@{self.variant}" if self.variant else self.name


def read_params(path: Path = PARAMS) -> dict[str, object]:
    """The whole parameter file as a mapping.

    Raises:
        UserError: it is missing or not YAML.
    """
    try:
        params = yaml.safe_load(read_text(path))
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing in {Path.cwd()}: run from the top folder of the repository"
        ) from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(params, dict):
        raise UserError(f"{path} must hold a mapping of sections")
    return params


def parse_section(
    params: dict[str, object], name: str, section: type[ConfigT], source: Path = PARAMS
) -> ConfigT:
    """One section, strictly.

    Raises:
        UserError: it is missing, or a parameter is unknown, mistyped or out of range.
    """
    if not isinstance(params.get(name), dict):
        raise UserError(f"{source} has no section {name}: restore it")
    try:
        # JSON mode: strict about numbers and strings, while YAML's lists may become tuples.
        return section.model_validate_json(json.dumps(params[name]))
    except ValidationError as error:
        raise UserError(f"{source}: {describe_validation(error, name)}") from None


def parse_seed(params: dict[str, object], source: Path = PARAMS) -> int:
    """The seed of the whole run.

    Raises:
        UserError: it is missing or not a whole number from 0 on.
    """
    seed = params.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UserError(f"{source}: seed must be a whole number from 0 on (given: {seed!r})")
    return seed


def make_console() -> Console:
    """Where stages print: as wide as the terminal, or wide enough for every table when there is none."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=LOG_WIDTH)


def main(stage: Stage[ConfigT]) -> None:
    """Run a stage as a program: exit code 0 with its outputs in place, or 1 with one line and nothing changed."""
    console = make_console()
    parent_watchdog.follow()
    try:
        run(stage, console)
    except EXPECTED as error:
        print(f"{stage.label}: {one_line(error)}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{stage.label}: interrupted; the same command goes on from here", file=sys.stderr)  # noqa: T201
        sys.exit(130)


def run(stage: Stage[ConfigT], console: Console) -> None:
    """Check everything that can be checked early, do the work, put the outputs in place, print the summary."""
    started = time.monotonic()
    params = read_params(stage.params)
    config, seed = stage.parse(params), parse_seed(params, stage.params)
    inputs = stage.inputs(config)
    _check_inputs(inputs)
    key = resume_key(stage, config, seed)
    scratch = RESUME / stage.name / key
    _check_outputs(stage, scratch)
    runs.connect()
    with runs.run(stage.label, {"seed": seed} | config.model_dump(mode="json")) as record:
        outcome = stage.work(Context(config, seed, key, scratch, record, console))
        publish(outcome.outputs)
        record.metrics(outcome.metrics | {"seconds": time.monotonic() - started})
    shutil.rmtree(scratch, ignore_errors=True)
    console.print(_summary(stage, outcome, time.monotonic() - started))


def resume_key(stage: Stage[ConfigT], config: ConfigT, seed: int) -> str:
    """Digest of everything that decides the stage's outputs."""
    digest = hashlib.sha256(f"{stage.label}\n{seed}\n{config.model_dump_json()}\n".encode())
    digest.update(code_digest(import_closure(stage_module(stage.name))).encode())
    for path in stage.inputs(config):
        digest.update(f"{path}\n{_content_digest(path)}\n".encode())
    return digest.hexdigest()[:16]


def _content_digest(path: Path) -> str:
    if path.is_file():
        return sha256_of(path)
    if (path / MANIFEST_NAME).is_file():  # a manifest holds the checksums of its folder
        return sha256_of(path / MANIFEST_NAME)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return " ".join(f"{file.relative_to(path)} {sha256_of(file)}" for file in files)


def _check_inputs(inputs: Sequence[Path]) -> None:
    for path in inputs:
        if not path.exists():
            raise UserError(f"{path} is missing: `dvc repro` makes it (or run the stage that does)")


def _check_outputs(stage: Stage[ConfigT], scratch: Path) -> None:
    for folder in {scratch, *(path.parent for path in stage.outputs)}:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    free = shutil.disk_usage(scratch).free
    if free < MIN_FREE_BYTES:
        raise UserError(
            f"only {free / 2**20:.0f} MiB are free on the disk of {scratch.resolve()}, "
            f"{MIN_FREE_BYTES / 2**20:.0f} MiB are needed: free some space"
        )


def publish(outputs: dict[Path, Path]) -> None:
    """Move finished outputs into place; each is replaced whole."""
    for target, made in outputs.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(made, target)


def _summary(stage: Stage[ConfigT], outcome: Outcome, seconds: float) -> Table:
    table = Table(title=f"{stage.label}: done in {seconds:.1f} s", title_justify="left")
    for number, column in enumerate(outcome.columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in outcome.rows:
        table.add_row(*row)
    return table
