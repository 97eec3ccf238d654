"""Pre-training without Ray, MLflow or DVC: `python -m components.training`, alone or under torchrun.

Needs torch, numpy, pyarrow, pydantic and safetensors only. Interrupted at any moment, the same command goes on from
the last finished epoch; on CPU, and with as many processes, to the bits of an uninterrupted run.
"""

import argparse
import dataclasses
import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
import torch
import torch.distributed as dist
from pydantic import ValidationError

from components.channel.scenario import OUT_OF_DISTRIBUTION, PRETRAINING, SCENARIOS
from components.data.batches import Group, Snapshots
from components.data.online import OnlineSnapshots
from components.data.shards import DataError, Manifest, json_text, load_split, write_text_atomically
from components.training.checkpoint import HISTORY_NAME, newest_checkpoint, replace_checkpoint
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.loop import Metrics, Report
from components.training.pretraining import Pretraining
from components.training.validation import health
from gfm_ra.errors import UserError
from gfm_ra.solvers.threads import available_threads

SPLITS = ("train", "val")
VALIDATION = 256  # snapshots per scenario, where they are drawn
# What torchrun tells each process, and what holds for one that is alone.
PLACE = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The values on the command line (this process's own if None)."""
    parser = argparse.ArgumentParser("python -m components.training", description=__doc__)
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder that holds manifest.json and the shards")
    source.add_argument(
        "--simulate",
        type=int,
        metavar="COUNT",
        help="instead: so many snapshots per scenario and epoch, drawn on the device as they are needed, never twice",
    )
    add(
        "--out",
        type=Path,
        required=True,
        help="folder for checkpoints/ and backbone/, shared by all machines",
    )
    add("--config", type=Path, help="PretrainingConfig as JSON; Table I if not given")
    add("--scenarios", nargs="+", help="default: all in the data but D16-D20, which are for tests")
    add("--seed", type=int, default=1)
    add("--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto: GPUs if there are any")
    return parser.parse_args(arguments)


def train(options: argparse.Namespace) -> Pretraining:
    """Pre-train as the options say, from the last checkpoint if there is one; returns this rank's finished loop.

    Raises:
        SystemExit: the caller must change something; the message is one line.
        DataError: data or checkpoint are missing or damaged.
    """
    config, source = read_config(options.config), source_of(options)
    run, checkpoints = identity(config, options.seed, source), options.out / "checkpoints"
    group = join(options.device)
    bound_threads()
    lock = only_writer(checkpoints) if group.rank == 0 else nullcontext()
    with lock:
        resume_from = resumable(checkpoints, run)
        data = source.load(group.device)
        check_agreement(group, resume_from is not None)
        if group.rank == 0:
            write_text_atomically(checkpoints / "run.json", run)
        with deterministic(group.device):
            loop = Pretraining(config, data[0], data[1], options.seed, group)
            loop.run(reporter(checkpoints, group), lambda done, total, snapshots: None, resume_from)
        if group.rank == 0:
            publish(loop, options.out / "backbone")
        return loop


def read_config(path: Path | None) -> PretrainingConfig:
    """The hyperparameters in a JSON file; SystemExit if it does not fit."""
    if path is None:
        return PretrainingConfig()
    try:
        config = PretrainingConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SystemExit(f"{path}: {where or 'content'}: {first['msg']}: correct the file") from None
    if config.distillation_weight > 0:
        raise SystemExit(
            f"{path}: distillation_weight needs a distillation teacher, which this program has not: leave it out"
        )
    return config


def default_scenarios(manifest: Manifest) -> list[str]:
    """Every scenario that can be trained on and is not kept for tests."""
    names = [
        name
        for name, entry in manifest.scenarios.items()
        if name not in OUT_OF_DISTRIBUTION and entry.rows("train") and entry.rows("val")
    ]
    if not names:
        raise SystemExit("the data hold no scenario but D16-D20 to train on: name them with --scenarios")
    return names


class Stored(NamedTuple):
    """Snapshots of stage simulate, or of any other folder with a manifest."""

    folder: Path
    manifest: Manifest
    names: Sequence[str]

    def describe(self) -> str:
        """What the snapshots follow from."""
        return json.dumps([[name, self.manifest.entry(name).model_dump(mode="json")] for name in self.names])

    def load(self, device: torch.device) -> tuple[Sequence[Snapshots], Sequence[np.ndarray]]:
        """Training and validation sets, which stay in the machine's memory."""
        train, val = (
            [load_split(self.folder, self.manifest, name, split) for name in self.names] for split in SPLITS
        )
        return train, val


class Drawn(NamedTuple):
    """Snapshots that are drawn where they are needed."""

    per_epoch: int
    seed: int
    names: Sequence[str]

    def describe(self) -> str:
        """What the snapshots follow from."""
        return json.dumps([self.per_epoch, [dataclasses.asdict(SCENARIOS[name]) for name in self.names]])

    def load(self, device: torch.device) -> tuple[Sequence[Snapshots], Sequence[np.ndarray]]:
        """Training sets on the device, and validation sets that stay the same."""
        train = [OnlineSnapshots(SCENARIOS[name], self.per_epoch, self.seed, device) for name in self.names]
        # Seeds of runs are small numbers: nothing is ever trained on the validation stream.
        val = [OnlineSnapshots(SCENARIOS[name], VALIDATION, self.seed + 2**40, device) for name in self.names]
        return train, [each[:VALIDATION].cpu().numpy() for each in val]


def source_of(options: argparse.Namespace) -> Stored | Drawn:
    """Where snapshots come from; SystemExit if the options do not fit."""
    if options.simulate is None:
        manifest = Manifest.load(options.data)
        return Stored(options.data, manifest, options.scenarios or default_scenarios(manifest))
    names = options.scenarios or list(PRETRAINING)
    unknown = [name for name in names if name not in SCENARIOS]
    if options.simulate < 1 or unknown:
        raise SystemExit(
            f"--simulate needs a count from 1 on and scenarios among D1-D20, not {unknown or options.simulate}"
        )
    return Drawn(options.simulate, options.seed, names)


def identity(config: PretrainingConfig, seed: int, source: Stored | Drawn) -> str:
    """What decides a run's result, as JSON: a checkpoint of another run must not be taken up."""
    parts = {"config": config.model_dump_json(), "data": source.describe()}
    digests = {part: hashlib.sha256(text.encode()).hexdigest() for part, text in parts.items()}
    return json_text(digests | {"seed": seed})


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


def publish(loop: Pretraining, folder: Path) -> None:
    """Write the trained backbone as a model folder and say how the run ended."""
    folder.mkdir(exist_ok=True)
    loop.save_result(folder)
    write_text_atomically(folder / HISTORY_NAME, json_text(loop.history))
    say(sys.stderr, f"{folder}: {health(loop.config, loop.history[-1])} after {len(loop.history)} epochs")


def say(stream: TextIO, line: str) -> None:
    """Write a line at once, so that whoever follows a log sees it."""
    stream.write(line + "\n")
    stream.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, or say in one line why not and exit with status 1."""
    try:
        train(parse(arguments))
    except (DataError, UserError, OSError) as error:
        raise SystemExit(str(error)) from None
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
