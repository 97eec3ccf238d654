"""Stage ablations: the same pre-training with one thing changed at a time, over several seeds, for fair comparisons.

Every run is a Ray task of its own, so that a cluster does as many at once as it has room for.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import ray
import torch
from pydantic import Field, JsonValue, ValidationError, model_validator

from components.config import Strict
from components.data.batches import Group
from components.data.shards import Manifest, json_text, load_split
from components.model.prompted import GoalBackbone
from components.training.checkpoint import newest_checkpoint, replace_checkpoint
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.health import rank_by_layer
from components.training.loop import Metrics
from components.training.pretraining import Pretraining
from components.training.validation import health
from pipelines.cluster.room import Need
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.errors import describe_validation
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main

_LOOKED_AT = 20  # networks of the last validation set, for the rank of their links' embeddings
SHOWN = ("edge_rmse_db", "mean_predictor_rmse_db", "effective_rank")


class TrainingSet(Strict):
    """Scenarios and how many training snapshots of each."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    train_rows: int = Field(ge=1)


class AblationsConfig(Strict):
    """A base recipe, and by name what each variant changes in it."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    train_rows: int = Field(ge=1)
    val_rows: int = Field(ge=1)
    base: dict[str, JsonValue]
    variants: dict[str, dict[str, JsonValue]] = Field(min_length=1)
    training_sets: dict[str, TrainingSet] = Field(
        default_factory=dict
    )  # of variants that learn from other scenarios
    seeds: int = Field(default=3, ge=1)
    threads: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"

    @model_validator(mode="after")
    def _are_all_valid(self) -> "AblationsConfig":
        for name in self.variants:
            if not name.replace("-", "").replace(".", "").isalnum() or name.startswith("."):
                raise ValueError(
                    f"variants.{name}: letters, digits, dots and hyphens only, it names a folder"
                )
            try:
                self.algorithm(name)
            except ValidationError as error:
                raise ValueError(describe_validation(error, f"variants.{name}")) from None
        for name in self.training_sets:
            if name not in self.variants:
                raise ValueError(f"training_sets.{name}: no variant has that name")
        return self

    def algorithm(self, name: str) -> PretrainingConfig:
        """The hyperparameters of one variant."""
        return PretrainingConfig.model_validate_json(json.dumps(self.base | self.variants[name]))

    def training_set(self, name: str) -> TrainingSet:
        """What one variant learns from."""
        own = TrainingSet(scenarios=self.scenarios, train_rows=self.train_rows)
        return self.training_sets.get(name, own)

    def needs(self) -> Iterator[tuple[str, str, int]]:
        """Scenario, split and rows that any variant reads, each once."""
        sets = [self.training_set(name) for name in self.variants]
        for scenario in dict.fromkeys(scenario for each in sets for scenario in each.scenarios):
            yield scenario, "train", max(each.train_rows for each in sets if scenario in each.scenarios)
            yield scenario, "val", self.val_rows


def pretrain_variant(
    config: AblationsConfig, name: str, seed: int, data: Path, folder: Path, scratch: Path
) -> Metrics:
    """Pre-train one variant into `folder`, from its last epoch if it was interrupted; its last metrics."""
    torch.set_num_threads(config.threads)
    group = Group(device=torch.device("cuda" if config.accelerator == "gpu" else "cpu"))
    manifest, source = Manifest.load(data), config.training_set(name)
    train, val = (
        [load_split(data, manifest, scenario, split, rows) for scenario in source.scenarios]
        for split, rows in (("train", source.train_rows), ("val", config.val_rows))
    )
    loop = Pretraining(config.algorithm(name), train, val, seed, group)

    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        replace_checkpoint(scratch, save)

    scratch.parent.mkdir(parents=True, exist_ok=True)
    with deterministic(group.device):
        loop.run(report, lambda done, total, count: None, newest_checkpoint(scratch))
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    loop.save_result(partial)
    last = loop.history[-1]
    summary: dict[str, Any] = {key: round(last[key], 4) for key in SHOWN}
    summary["status"] = health(loop.config, last)
    summary["mask_ratio"] = loop.config.mask_ratio
    summary["links"] = sorted({gain_db.shape[-1] for gain_db in train})
    backbone = loop.student.encoder.backbone
    backbone = backbone.backbone if isinstance(backbone, GoalBackbone) else backbone
    looked_at = torch.from_numpy(val[-1][:_LOOKED_AT]).float().to(group.device)
    summary["rank_by_layer"] = [round(rank, 2) for rank in rank_by_layer(backbone.eval(), looked_at)]
    (partial / "summary.json").write_text(json_text(summary))
    os.replace(partial, folder)
    shutil.rmtree(scratch, ignore_errors=True)
    return last


def work(context: Context[AblationsConfig]) -> Outcome:
    """Pre-train every variant with every seed; those that are there already stay."""
    config, made = context.config, (context.scratch / "made").resolve()
    data, manifest = paths.DATA.resolve(), Manifest.load(paths.DATA)
    for scenario, split, count in config.needs():
        load_split(data, manifest, scenario, split, count)
    jobs = [(name, number) for name in config.variants for number in range(config.seeds)]
    # The longest first, so that none of them runs alone at the end.
    jobs.sort(key=lambda job: -_effort(config.algorithm(job[0])))
    gpus = 1 if config.accelerator == "gpu" else 0
    made.mkdir(parents=True, exist_ok=True)
    need = Need("ablations", 1, config.accelerator, config.threads, "lower ablations.threads, ")
    with workers(need, [data, made]), Meter(context.console, "ablations", len(jobs), "runs") as meter:
        task = ray.remote(pretrain_variant).options(num_cpus=config.threads, num_gpus=gpus)
        pending = [
            task.remote(
                config,
                name,
                context.seed + number,
                data,
                made / name / str(number),
                (context.scratch / "checkpoints" / f"{name}-{number}").resolve(),
            )
            for name, number in jobs
            if not (made / name / str(number)).is_dir()
        ]
        meter.update(len(jobs) - len(pending))
        while pending:
            finished, pending = ray.wait(pending, num_returns=1)
            ray.get(finished)
            meter.update(len(jobs) - len(pending))
    rows = []
    for name in config.variants:
        found = [
            json.loads((made / name / str(number) / "summary.json").read_text())
            for number in range(config.seeds)
        ]
        rows.append(
            [
                name,
                *(f"{sum(row[key] for row in found) / len(found):.2f}" for key in SHOWN),
                ", ".join(sorted({row["status"] for row in found})),
            ]
        )
    return Outcome({paths.ABLATIONS: made}, [f"variant, {config.seeds} seeds", *SHOWN, "status"], rows)


def _effort(algorithm: PretrainingConfig) -> float:
    passes = 3.0 if algorithm.goal_conditioned else 1.0
    return passes * algorithm.epochs * algorithm.backbone.layers * algorithm.backbone.width


STAGE = Stage("ablations", AblationsConfig, work, inputs=lambda _: [paths.DATA], outputs=[paths.ABLATIONS])

if __name__ == "__main__":
    main(STAGE)
