"""One trial of the sweep: what may vary, a Ray Train run of its own, and the downstream score of its backbone."""

import itertools
import json
from pathlib import Path
from typing import Any, Literal

import ray
import torch
from pydantic import Field, ValidationError, model_validator
from ray import tune
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from components.backbone import BackboneConfig
from components.checkpoint import model_from_backbone
from components.config import Strict
from components.fewshot import FewShotConfig, few_shot_ratio
from components.pretraining import PretrainingConfig
from components.shards import Manifest, load_split
from pipelines.errors import describe_validation
from pipelines.training import TrainingData, make_trainer

SCORE = "few_shot_ratio"
# A trial's driver only waits for its trainer: a CPU of its own would starve that trainer on a small machine.
DRIVER_RESOURCES = {"cpu": 0, "memory": 50e6}


class Grid(Strict):
    """The values to cross; lists of one keep a parameter fixed."""

    mask_ratio: tuple[float, ...] = Field(min_length=1)
    consistency_weight: tuple[float, ...] = Field(min_length=1)
    backbone: tuple[BackboneConfig, ...] = Field(min_length=1)


class SweepConfig(Strict):
    """The grid, what every trial shares, and the downstream trial that ranks them."""

    grid: Grid
    base: PretrainingConfig
    scenarios: tuple[str, ...] = Field(min_length=1)
    train_rows: int = Field(ge=1)
    val_rows: int = Field(ge=1)
    few_shot: FewShotConfig = FewShotConfig()
    workers_per_trial: int = Field(default=1, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"

    @model_validator(mode="after")
    def _every_trial_is_valid(self) -> "SweepConfig":
        for choice in self.choices():
            try:
                self.trial(choice)
            except ValidationError as error:
                raise ValueError(describe_validation(error, "grid")) from None
        return self

    def choices(self) -> list[dict[str, Any]]:
        """Every point of the grid as overrides of the pre-training parameters."""
        names = list(Grid.model_fields)
        values = self.grid.model_dump(mode="json")
        return [
            dict(zip(names, point, strict=True)) for point in itertools.product(*(values[n] for n in names))
        ]

    def trial(self, choice: dict[str, Any]) -> PretrainingConfig:
        """The pre-training parameters of one trial."""
        return PretrainingConfig.model_validate_json(json.dumps(self.base.model_dump(mode="json") | choice))


def judge(config: FewShotConfig, backbone: Path, data: Path, threads: int, seed: int) -> float:
    """The downstream score of one backbone (runs as a Ray task that holds its CPUs)."""
    torch.set_num_threads(threads)
    manifest = Manifest.load(data)
    train = load_split(data, manifest, config.scenario, "train", config.shots)
    val = load_split(data, manifest, config.scenario, "val", config.val_rows)
    return few_shot_ratio(model_from_backbone(backbone, seed), train, val, config, seed)


def run_trial(parameters: dict[str, Any]) -> None:
    """One trial: pre-train with its own trainer, then judge the backbone downstream."""
    config = SweepConfig.model_validate_json(parameters["config"])
    algorithm = config.trial(parameters["choice"])
    data = TrainingData(parameters["data"], config.scenarios, config.train_rows, config.val_rows)
    name = tune.get_context().get_trial_id()
    trainer = make_trainer(
        name, parameters["storage"], algorithm, data, parameters["seed"], config.workers_per_trial,
        config.threads_per_worker, use_gpu=config.accelerator == "gpu",
    )  # fmt: skip
    result = trainer.fit()
    if result.checkpoint is None:
        raise RuntimeError("the trial's training ended without a checkpoint")
    # Outside the trial's own placement group, which holds no CPU.
    anywhere = PlacementGroupSchedulingStrategy(placement_group=None)  # type: ignore[arg-type]
    task = ray.remote(judge).options(num_cpus=config.threads_per_worker, scheduling_strategy=anywhere)
    with result.checkpoint.as_directory() as folder:
        score = ray.get(
            task.remote(
                config.few_shot,
                Path(folder),
                parameters["data"],
                config.threads_per_worker,
                parameters["seed"],
            )
        )
        history = json.loads((Path(folder) / "state" / "state.json").read_text())["history"]
    tune.report({SCORE: score, "history": json.dumps(history), **history[-1]})
