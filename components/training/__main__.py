"""Pre-training without Ray, MLflow or DVC: `python -m components.training`, alone or under torchrun.

Needs torch, numpy, pyarrow, pydantic and safetensors only. Interrupted at any moment, the same command goes on from
the last finished epoch; on CPU, and with as many processes, to the bits of an uninterrupted run.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from components.channel.scenario import OUT_OF_DISTRIBUTION, PRETRAINING, SCENARIOS
from components.data.batches import Snapshots
from components.data.online import OnlineSnapshots
from components.data.shards import Manifest, json_text, load_split, write_text_atomically
from components.training.checkpoint import HISTORY_NAME
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.launch import (
    add_options,
    bound_threads,
    check_agreement,
    join,
    only_writer,
    read_config,
    reporter,
    resumable,
    run_program,
    say,
)
from components.training.pretraining import Pretraining
from components.training.validation import health

SPLITS = ("train", "val")
VALIDATION = 256  # snapshots per scenario, where they are drawn


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The values on the command line (this process's own if None)."""
    parser = argparse.ArgumentParser("python -m components.training", description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder that holds manifest.json and the shards")
    source.add_argument(
        "--simulate",
        type=int,
        metavar="COUNT",
        help="instead: so many snapshots per scenario and epoch, drawn on the device as they are needed, never twice",
    )
    add_options(parser, "backbone", "PretrainingConfig as JSON; Table I if not given")
    parser.add_argument(
        "--scenarios", nargs="+", help="default: all in the data but D16-D20, which are for tests"
    )
    return parser.parse_args(arguments)


def train(options: argparse.Namespace) -> Pretraining:
    """Pre-train as the options say, from the last checkpoint if there is one; returns this rank's finished loop.

    Raises:
        SystemExit: the caller must change something; the message is one line.
        DataError: data or checkpoint are missing or damaged.
    """
    config, source = config_of(options.config), source_of(options)
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


def config_of(path: Path | None) -> PretrainingConfig:
    """The hyperparameters in a JSON file; SystemExit if it does not fit."""
    return read_config(path, PretrainingConfig)


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


def publish(loop: Pretraining, folder: Path) -> None:
    """Write the trained backbone as a model folder and say how the run ended."""
    folder.mkdir(exist_ok=True)
    loop.save_result(folder)
    write_text_atomically(folder / HISTORY_NAME, json_text(loop.history))
    say(sys.stderr, f"{folder}: {health(loop.config, loop.history[-1])} after {len(loop.history)} epochs")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, or say in one line why not and exit with status 1."""
    run_program(lambda: train(parse(arguments)))


if __name__ == "__main__":
    main()
