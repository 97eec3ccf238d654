"""Stage scratch_baseline: is it pre-training, or only the recipe? Pre-trained against from scratch, both treated alike.

Each arm is adapted with the paper's recipe, and again with the learning rate and number of epochs that suit that arm
best on validation snapshots; over several seeds, each with its own samples.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray
import torch
from pydantic import Field

from components.config import Strict
from components.data.shards import Manifest, json_text, load_split
from components.evaluation.references import read_references
from components.evaluation.scores import score
from components.intervals import mean_over_seeds
from components.model.inference import allocate_batches
from components.training.checkpoint import model_from_backbone
from components.training.finetuning import Finetuning, FinetuningConfig
from gfm_ra.goals import SumRate, by_name
from pipelines.cluster.room import Need
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main

ARMS = ("pretrained", "scratch")


class Tuning(Strict):
    """What each arm may choose from, by validation utility."""

    backbone_learning_rate: tuple[float, ...] = Field(min_length=1)
    epochs: tuple[int, ...] = Field(min_length=1)


class ScratchBaselineConfig(Strict):
    """Where the arms are compared, the paper's recipe, and the grid for the tuned comparison."""

    objective: str = SumRate.name
    scenario: str
    shots: int = Field(default=64, ge=1)
    seeds: int = Field(default=5, ge=2)
    test_rows: int | None = Field(default=None, ge=1)  # None = all there are
    recipe: FinetuningConfig
    tuning: Tuning

    def grid(self) -> list[FinetuningConfig]:
        """The recipes that a tuned arm may choose."""
        points = itertools.product(self.tuning.backbone_learning_rate, self.tuning.epochs)
        return [
            self.recipe.model_copy(
                update={"backbone_learning_rate": rate, "epochs": epochs, "validate_every": 10**6}
            )
            for rate, epochs in points
        ]


def adapt_once(
    config: ScratchBaselineConfig,
    recipe: FinetuningConfig,
    arm: str,
    seed: int,
    number: int,
    data: Path,
    backbone: Path,
    evaluated: bool,
) -> tuple[float, float]:
    """Adapt one model; returns its validation utility per link and, if it is to be evaluated, its mean test score.

    `number` selects the samples: every seed trains on its own part of the training split.
    """
    torch.set_num_threads(1)
    manifest = Manifest.load(data)
    rows = config.shots * (number + 1)
    train = load_split(data, manifest, config.scenario, "train", rows)[-config.shots :]
    val = load_split(data, manifest, config.scenario, "val")
    model = model_from_backbone(backbone, seed, pretrained=arm == "pretrained")
    loop = Finetuning(recipe, model, by_name(config.objective), [train], [val], seed)
    history = loop.run(lambda metrics, save: None, lambda done, total, count: None)
    reached = history[-1]["validation_utility_per_link"]
    if not evaluated:
        return reached, float("nan")
    test = load_split(data, manifest, config.scenario, "test", config.test_rows)
    return reached, float(score(config.objective, allocate_batches(model, test), test).mean())


def work(context: Context[ScratchBaselineConfig]) -> Outcome:
    """Paper's recipe for every seed; grid on the first seed; chosen recipe for every seed."""
    config = context.config
    reference = _reference(config)
    grid, seeds = config.grid(), range(config.seeds)
    total = len(ARMS) * (2 * config.seeds + len(grid))
    seen = [paths.DATA.resolve(), paths.pretrained(paths.HYBRID).resolve()]
    with (
        workers(Need("scratch_baseline"), seen),
        Meter(context.console, "scratch_baseline", total, "adaptations") as meter,
    ):
        runs = _Runs(context, meter)
        paper = runs.all([(config.recipe, arm, number) for arm in ARMS for number in seeds])
        tried = runs.all([(recipe, arm, 0) for arm in ARMS for recipe in grid], evaluated=False)
        chosen = [
            max(range(len(grid)), key=lambda i, a=a: tried[a * len(grid) + i][0]) for a in range(len(ARMS))
        ]
        tuned = runs.all([(grid[chosen[a]], arm, number) for a, arm in enumerate(ARMS) for number in seeds])
    tables = {
        protocol: {
            arm: _interval([score / reference for _, score in found[a * len(seeds) :][: len(seeds)]])
            for a, arm in enumerate(ARMS)
        }
        for protocol, found in (("paper", paper), ("tuned", tuned))
    }
    for a, arm in enumerate(ARMS):
        best = grid[chosen[a]]
        tables["tuned"][arm] |= {"backbone_learning_rate": best.backbone_learning_rate, "epochs": best.epochs}
    return _outcome(context, tables)


class _Runs:
    """Adaptations as Ray tasks of one CPU each."""

    def __init__(self, context: Context[ScratchBaselineConfig], meter: Meter) -> None:
        self._context, self._meter, self._done = context, meter, 0
        self._task: Any = ray.remote(adapt_once).options(num_cpus=1)

    def all(
        self, jobs: Sequence[tuple[FinetuningConfig, str, int]], evaluated: bool = True
    ) -> list[tuple[float, float]]:
        """Results in the order of the jobs."""
        config, seed = self._context.config, self._context.seed
        folders = (paths.DATA.resolve(), paths.pretrained(paths.HYBRID).resolve())
        pending = [
            self._task.remote(config, recipe, arm, seed + number, number, *folders, evaluated)
            for recipe, arm, number in jobs
        ]
        results = []
        for reference in pending:
            results.append(ray.get(reference))
            self._done += 1
            self._meter.update(self._done)
        return results


def _reference(config: ScratchBaselineConfig) -> float:
    """Mean test score of the best WMMSE for the objective."""
    test = load_split(paths.DATA, Manifest.load(paths.DATA), config.scenario, "test", config.test_rows)
    entries = Manifest.load(paths.REFERENCES).entry(config.scenario).splits["test"]
    powers = read_references(paths.REFERENCES, entries)[f"best-{config.objective}"][: len(test)]
    return float(score(config.objective, powers, test).mean())


def _interval(ratios: Sequence[float]) -> dict[str, Any]:
    return {
        "ratio": [round(value, 5) for value in mean_over_seeds(ratios)],
        "seeds": [round(r, 5) for r in ratios],
    }


def _outcome(
    context: Context[ScratchBaselineConfig], tables: dict[str, dict[str, dict[str, Any]]]
) -> Outcome:
    context.scratch.mkdir(parents=True, exist_ok=True)
    made = context.scratch / "scratch_baseline.json"
    config = context.config
    about = {
        "scenario": config.scenario,
        "shots": config.shots,
        "objective": config.objective,
        "seeds": config.seeds,
    }
    made.write_text(json_text({"about": about} | tables))
    rows = []
    for protocol, arms in tables.items():
        for arm, found in arms.items():
            value, low, high = found["ratio"]
            choice = (
                f"lr {found['backbone_learning_rate']:g}, {found['epochs']} epochs"
                if protocol == "tuned"
                else ""
            )
            rows.append([protocol, arm, f"{value:.4f} [{low:.4f}, {high:.4f}]", choice])
    columns = ["protocol", "start", f"{config.shots}-shot ratio on {config.scenario}", "chosen on validation"]
    return Outcome({paths.metrics("scratch_baseline"): made}, columns, rows)


STAGE = Stage(
    "scratch_baseline",
    ScratchBaselineConfig,
    work,
    inputs=lambda _: [paths.DATA, paths.REFERENCES, paths.pretrained(paths.HYBRID)],
    outputs=[paths.metrics("scratch_baseline")],
)

if __name__ == "__main__":
    main(STAGE)
