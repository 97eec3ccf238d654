"""How a training program starts, alone or under torchrun: its place in the group, its checkpoints, its output."""

import argparse
import fcntl
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO, TypeVar

import torch
import torch.distributed as dist
from pydantic import ValidationError

from components.config import Strict
from components.data.batches import Group
from components.data.shards import DataError
from components.training.checkpoint import newest_checkpoint, replace_checkpoint
from components.training.loop import Metrics, Report
from gfm_ra.errors import UserError
from gfm_ra.solvers.threads import available_threads

# What torchrun tells each process, and what holds for one that is alone.
PLACE = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
Config = TypeVar("Config", bound=Strict)


def add_options(parser: argparse.ArgumentParser, makes: str, config: str) -> None:
    """What every training program is told: `makes` is the folder that it leaves, `config` what --config holds."""
    add = parser.add_argument
    add(
        "--out",
        type=Path,
        required=True,
        help=f"folder for checkpoints/ and {makes}/, shared by all machines",
    )
    add("--config", type=Path, help=config)
    add("--seed", type=int, default=1)
    add("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: GPUs if there are any")


def run_program(train: Callable[[], object]) -> None:
    """Train, or say in one line why not and exit with status 1."""
    try:
        train()
    except (DataError, UserError, OSError) as error:
        raise SystemExit(str(error)) from None
    if dist.is_initialized():
        dist.destroy_process_group()


def read_config(path: Path | None, kind: type[Config]) -> Config:
    """The hyperparameters in a JSON file, or the defaults; SystemExit if it does not fit."""
    if path is None:
        return kind()
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SystemExit(f"{path}: {where or 'content'}: {first['msg']}: correct the file") from None


def resumable(checkpoints: Path, run: str) -> Path | None:
    """The checkpoint to go on from, if there is one; SystemExit if it is another run's."""
    last = newest_checkpoint(checkpoints / "last")
    path = checkpoints / "run.json"
    if last is None or (path.is_file() and path.read_text() == run):
        return last
    saved, wanted = json.loads(path.read_text()) if path.is_file() else {}, json.loads(run)
    other = ", ".join(part for part in wanted if saved.get(part) != wanted[part])
    raise SystemExit(
        f"{checkpoints} holds a run with another {other}: choose another --out, or delete that folder to start again"
    )


def join(device: str) -> Group:
    """Take this process's place in the group that torchrun describes, or be alone."""
    rank, size, local = (int(os.environ.get(*pair)) for pair in PLACE)
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        place = torch.device("cpu")
    elif local >= torch.cuda.device_count():
        raise SystemExit(
            f"process {local} of this machine finds {torch.cuda.device_count()} GPUs: "
            "start one process per GPU, or pass --device cpu"
        )
    else:
        place = torch.device("cuda", local)
        torch.cuda.set_device(place)
    if size > 1:
        # On GPUs gloo as well: what processes agree on at the start lies in main memory.
        dist.init_process_group("gloo" if place.type == "cpu" else "cpu:gloo,cuda:nccl")
    return Group(rank, size, place)


def bound_threads() -> None:
    """Let torch, which counts cores, start no more threads than control groups and the environment grant.

    Raises:
        UserError: GFM_RA_THREADS is not a number from 1 on.
    """
    try:
        granted = available_threads()
    except ValueError as error:
        raise UserError(str(error)) from None
    torch.set_num_threads(min(torch.get_num_threads(), granted))


def only_writer(checkpoints: Path) -> TextIO:
    """Lock the folder until the file returned is closed or the process dies; SystemExit if another one holds it."""
    checkpoints.mkdir(parents=True, exist_ok=True)
    lock = (checkpoints / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # Workers outlive a torchrun that was killed: two writers would spoil each other's checkpoints.
        lock.close()
        raise SystemExit(f"another process trains into {checkpoints}: let it end, or end it") from None
    return lock


def check_agreement(group: Group, resuming: bool) -> None:
    """Ranks that disagree about the start would wait for each other for ever."""
    if group.world_size > 1:
        answers = [False] * group.world_size
        dist.all_gather_object(answers, resuming)
        if len(set(answers)) > 1:
            raise SystemExit(
                "not all processes see the same checkpoints: let --out be a folder that all share"
            )


def reporter(checkpoints: Path, group: Group) -> Report:
    """Keep the newest and the best checkpoint, and write a line of CSV to stdout, on rank 0."""
    lines = 0

    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        nonlocal lines
        if group.rank == 0:
            # The best first: a run killed between the two repeats the epoch and writes it again.
            if metrics["best"] == 1.0:
                replace_checkpoint(checkpoints / "best", save)
            replace_checkpoint(checkpoints / "last", save)
            if lines == 0:
                say(sys.stdout, ",".join(metrics))
            say(sys.stdout, ",".join(f"{value:.6g}" for value in metrics.values()))
            lines += 1

    return report


def say(stream: TextIO, line: str) -> None:
    """Write a line at once, so that whoever follows a log sees it."""
    stream.write(line + "\n")
    stream.flush()
