"""Stage finetune: the pre-trained backbone plus a head, adapted to one objective with few samples."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import ray
import torch
import typer
from pydantic import Field

from components.data.batches import Group
from components.data.shards import Manifest, load_split
from components.training.checkpoint import (
    MODEL_NAME,
    ModelCard,
    model_from_backbone,
    newest_checkpoint,
    replace_checkpoint,
    save_model,
)
from components.training.determinism import deterministic
from components.training.finetuning import Finetuning, FinetuningConfig
from components.training.loop import Metrics
from gfm_ra.goals import OBJECTIVES, StandardName, by_name
from pipelines.cluster.progress_reporter import ProgressReporter, WorkerReporter
from pipelines.cluster.room import Need
from pipelines.cluster.trainer import history_csv
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main


class FinetuneConfig(FinetuningConfig):
    """The recipe, the samples to use and the objectives to adapt to (one run of the stage per objective)."""

    objectives: tuple[StandardName, ...] = Field(min_length=1)
    scenarios: tuple[str, ...] = Field(min_length=1)
    shots: int = Field(default=2048, ge=1)  # samples per scenario
    start: Literal["pretrained", "scratch"] = "pretrained"
    threads: int = Field(default=2, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"

    def recipe(self) -> FinetuningConfig:
        """The part that the loop knows."""
        return FinetuningConfig.model_validate(
            {name: getattr(self, name) for name in FinetuningConfig.model_fields}
        )


def finetune_task(
    config: FinetuneConfig,
    objective: str,
    backbone: Path,
    data: Path,
    seed: int,
    scratch: Path,
    progress_actor: Any,  # noqa: ANN401
) -> list[Metrics]:
    """Adapt and write the model folder `scratch/model`; goes on from `scratch/checkpoint` if there is one."""
    torch.set_num_threads(config.threads)
    group = Group(device=torch.device("cuda" if config.accelerator == "gpu" else "cpu"))
    manifest = Manifest.load(data)

    def load(split: str, rows: int | None) -> list[np.ndarray]:
        return [load_split(data, manifest, name, split, rows) for name in config.scenarios]

    model = model_from_backbone(backbone, seed, pretrained=config.start == "pretrained")
    loop = Finetuning(
        config.recipe(),
        model,
        by_name(objective),
        load("train", config.shots),
        load("val", None),
        seed,
        group,
    )
    reporter = WorkerReporter(progress_actor)
    checkpoint = scratch / "checkpoint"

    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        replace_checkpoint(checkpoint, save)
        reporter.metrics(metrics)

    with deterministic(group.device):
        loop.run(report, reporter.tick, resume_from=newest_checkpoint(checkpoint))
    folder = scratch / "model"
    folder.mkdir(exist_ok=True)
    card = ModelCard(backbone=model.backbone.config, objective=objective)
    save_model(folder, model, card, MODEL_NAME)
    return loop.history


def work_on(objective: str) -> Callable[[Context[FinetuneConfig]], Outcome]:
    """The stage's work for one objective."""

    def work(context: Context[FinetuneConfig]) -> Outcome:
        config, scratch = context.config, context.scratch.resolve()
        if objective not in config.objectives:
            raise UserError(
                f"objective {objective} is not listed in finetune.objectives of params.yaml: add it"
            )
        data = paths.DATA.resolve()
        manifest = Manifest.load(data)
        for name in config.scenarios:
            load_split(data, manifest, name, "train", config.shots)
        label = f"finetune@{objective}"
        backbone = paths.pretrained(paths.HYBRID).resolve()
        need = Need("finetune", 1, config.accelerator, config.threads, "lower finetune.threads, ")
        with (
            workers(need, [data, backbone, scratch]),
            Meter(context.console, label, 1, "steps") as meter,
            ProgressReporter(meter, context.run, _note) as reporter,
        ):
            gpus = 1 if config.accelerator == "gpu" else 0
            task = ray.remote(finetune_task).options(num_cpus=config.threads, num_gpus=gpus)
            arguments = (config, objective, backbone, data, context.seed, scratch, reporter.actor)
            history = ray.get(task.remote(*arguments))
        return _outcome(objective, scratch, history)

    return work


def _note(metrics: Metrics) -> str:
    reached = metrics["validation_utility_per_link"]
    return f"epoch {metrics['epoch']:.0f}: validation utility per link {reached:.4f}"


def _outcome(objective: str, scratch: Path, history: list[Metrics]) -> Outcome:
    name = f"finetune-{objective}"
    (scratch / "history.csv").write_text(history_csv(history))
    outputs = {
        paths.HEADS / objective: scratch / "model",
        paths.history(name): scratch / "history.csv",
    }
    rows = [
        [
            f"{row['epoch']:.0f}",
            f"{row['train_utility_per_link']:.4f}",
            f"{row['validation_utility_per_link']:.4f}",
        ]
        for row in history
    ]
    return Outcome(outputs, ["epoch", "train utility / link", "validation utility / link"], rows)


def stage(objective: str) -> Stage[FinetuneConfig]:
    """The stage for one objective."""
    name = f"finetune-{objective}"
    return Stage(
        "finetune",
        FinetuneConfig,
        work_on(objective),
        inputs=lambda _: [paths.DATA, paths.pretrained(paths.HYBRID)],
        outputs=[paths.HEADS / objective, paths.history(name)],
        variant=objective,
    )


def cli(objective: Annotated[str, typer.Option(help=f"One of {', '.join(OBJECTIVES)}.")]) -> None:
    """Fine-tune a head for one objective."""
    main(stage(objective))


if __name__ == "__main__":
    typer.run(cli)
