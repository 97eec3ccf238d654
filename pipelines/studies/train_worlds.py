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
from components.model.unrolled import packaged
from components.training.checkpoint import MODEL_NAME, load_tensors, newest_checkpoint, replace_checkpoint
from components.training.determinism import deterministic
from components.training.loop import Metrics
from components.training.worlds.config import WorldsConfig
from components.training.worlds.loop import WorldsTraining
from gfm_ra.errors import InputError, UserError
from gfm_ra.weights.catalogue import find
from pipelines.cluster.trainer import history_csv
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main

NAME = "train_worlds"
Weights = dict[str, torch.Tensor]


class TrainWorldsConfig(Strict):
    """What is trained in which order, on how many threads: their number is part of what a seed means."""

    initial: str | None = None  # weights of the package to start from, by name and version; None: random ones
    phases: tuple[WorldsConfig, ...] = Field(min_length=1)
    threads: int = Field(default=1, ge=1)


def work(context: Context[TrainWorldsConfig]) -> Outcome:
    """Train phase after phase, each from its last checkpoint if there is one."""
    torch.set_num_threads(context.config.threads)
    made, history = context.scratch / "model", []
    initial = None if context.config.initial is None else _packaged(context.config.initial)
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
            initial = load_tensors(made / MODEL_NAME)
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


def _packaged(name: str) -> Weights:
    """Weights of the package, by their name."""
    try:
        return packaged.load(find(name)).state_dict()
    except InputError as error:
        raise UserError(f"{NAME}: initial: {error}") from None


def _trained(
    phase: WorldsConfig, seed: int, initial: Weights | None, folder: Path, meter: Meter, before: int
) -> WorldsTraining:
    loop = WorldsTraining(phase, seed, Group())
    if initial is not None:
        try:
            loop.network.load_state_dict(initial)
        except RuntimeError:
            raise UserError(
                f"{NAME}: the weights to start from have other sizes than `network` of the phase: give it theirs"
            ) from None
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
