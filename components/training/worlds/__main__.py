"""Train the network for any world: `python -m components.training.worlds --out FOLDER`, alone or under torchrun.

Interrupted at any moment, the same command goes on from the last finished epoch; on CPU, and with as many processes,
to the bits of an uninterrupted run.
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from components.data.shards import json_text, sha256_of, write_text_atomically
from components.training.checkpoint import HISTORY_NAME, MODEL_NAME, load_weights
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
from components.training.worlds.config import WorldsConfig
from components.training.worlds.loop import WorldsTraining


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The values on the command line (this process's own if None)."""
    parser = argparse.ArgumentParser("python -m components.training.worlds", description=__doc__)
    add_options(parser, "model", "WorldsConfig as JSON; what is left out has its default")
    parser.add_argument(
        "--initial",
        type=Path,
        help="model/ folder of the same network to start from, instead of random weights",
    )
    return parser.parse_args(arguments)


def train(options: argparse.Namespace) -> WorldsTraining:
    """Train as the options say, from the last checkpoint if there is one; returns this rank's finished loop.

    Raises:
        SystemExit: the caller must change something; the message is one line.
        DataError: a checkpoint is damaged.
    """
    config, checkpoints = read_config(options.config, WorldsConfig), options.out / "checkpoints"
    digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()
    initial = None if options.initial is None else options.initial / MODEL_NAME
    run = json_text(
        {"config": digest, "seed": options.seed, "initial": None if initial is None else sha256_of(initial)}
    )
    group = join(options.device)
    lock = only_writer(checkpoints) if group.rank == 0 else nullcontext()
    with lock:
        resume_from = resumable(checkpoints, run)
        check_agreement(group, resume_from is not None)
        if group.rank == 0:
            write_text_atomically(checkpoints / "run.json", run)
        bound_threads()
        with deterministic(group.device):
            loop = WorldsTraining(config, options.seed, group)
            if initial is not None:
                load_weights(loop.network, initial)
            loop.run(reporter(checkpoints, group), lambda done, total, networks: None, resume_from)
        if group.rank == 0:
            folder = options.out / "model"
            folder.mkdir(exist_ok=True)
            loop.save_result(folder)
            write_text_atomically(folder / HISTORY_NAME, json_text(loop.history))
            say(sys.stderr, f"{folder}: {len(loop.history)} epochs")
        return loop


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, or say in one line why not and exit with status 1."""
    run_program(lambda: train(parse(arguments)))


if __name__ == "__main__":
    main()
