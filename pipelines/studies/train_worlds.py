"""Stage train_worlds: the network for any world, whose weights travel in the package.

Phases follow each other, each from the weights that the one before has left: one answer per network first, then
several, of which the best counts most.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import Field

from components.config import Strict
from components.data.batches import Group
from components.data.shards import json_text
from components.training.checkpoint import MODEL_NAME, load_weights, newest_checkpoint, replace_checkpoint
from components.training.determinism import deterministic
from components.training.loop import Metrics
from components.training.worlds.config import WorldsConfig
from components.training.worlds.loop import WorldsTraining
from pipelines.cluster.trainer import history_csv
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main

NAME = "train_worlds"


class TrainWorldsConfig(Strict):
    """What is trained in which order, on how many threads: their number is part of what a seed means."""

    phases: tuple[WorldsConfig, ...] = Field(min_length=1)
    threads: int = Field(default=1, ge=1)


def work(context: Context[TrainWorldsConfig]) -> Outcome:
    """Train phase after phase, each from its last checkpoint if there is one."""
    torch.set_num_threads(context.config.threads)
    made, history = context.scratch / "model", []
    initial: Path | None = None
    steps = sum(phase.epochs * phase.batches for phase in context.config.phases)
    meter = Meter(context.console, NAME, steps, "steps")
    with deterministic(torch.device("cpu")), meter:
        before = 0
        for number, phase in enumerate(context.config.phases):
            folder = context.scratch / f"phase-{number}"
            loop = _trained(phase, context.seed + number, initial, folder, meter, before)
            history += [{"phase": float(number), **metrics} for metrics in loop.history]
            before += phase.epochs * phase.batches
            made = folder / "model"
            made.mkdir(exist_ok=True)
            loop.save_result(made)
            initial = made / MODEL_NAME
    last = {name: round(value, 6) for name, value in history[-1].items() if name.startswith("ratio_")}
    (context.scratch / "metrics.json").write_text(json_text(last))
    (context.scratch / "history.csv").write_text(history_csv(history))
    outputs = {
        paths.TRAIN_WORLDS: made,
        paths.metrics(NAME): context.scratch / "metrics.json",
        paths.history(NAME): context.scratch / "history.csv",
    }
    rows = [[name, f"{value:.4f}"] for name, value in last.items()]
    return Outcome(outputs, ["ratio to one WMMSE run", "last"], rows, last)


def _trained(
    phase: WorldsConfig, seed: int, initial: Path | None, folder: Path, meter: Meter, before: int
) -> WorldsTraining:
    loop = WorldsTraining(phase, seed, Group())
    if initial is not None:
        load_weights(loop.network, initial)
    checkpoints = folder / "last"
    folder.mkdir(parents=True, exist_ok=True)

    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        replace_checkpoint(checkpoints, save)

    loop.run(
        report, lambda done, total, networks: meter.update(before + done), newest_checkpoint(checkpoints)
    )
    return loop


STAGE = Stage(
    NAME,
    TrainWorldsConfig,
    work,
    lambda _: [],
    [paths.TRAIN_WORLDS, paths.metrics(NAME), paths.history(NAME)],
    params=paths.RELEASE_PARAMS,
)

if __name__ == "__main__":
    main(STAGE)
