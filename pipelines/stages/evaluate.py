"""Stage evaluate: fine-tuned heads and the prompted model against classical solvers on the test snapshots."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import ray
import torch
from pydantic import Field

from components.config import Strict
from components.data.shards import Manifest, json_text, load_split, write_table
from components.evaluation.references import read_references
from components.evaluation.scores import (
    MODEL,
    PAPER_REFERENCE,
    POLISHED,
    PROMPTED,
    ratios,
    scores,
)
from components.model.inference import allocate_batches
from components.training.checkpoint import load_power_model
from components.training.worlds.folder import load_any_goal_model
from gfm_ra.goals import OBJECTIVES, by_name
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain
from pipelines.cluster.room import Need
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main


class EvaluateConfig(Strict):
    """What to evaluate on, and how the intervals are made."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    split: Literal["val", "test"] = "test"
    # Of WMMSE, from the prompted model's powers; as many as effort fast of gfm_ra ends with.
    refinement_iterations: int = Field(default=20, ge=1)
    resamples: int = Field(default=1000, ge=100)
    confidence: float = Field(default=0.95, gt=0, lt=1)


def evaluate_task(
    scenario: str,
    objective: str,
    config: EvaluateConfig,
    seed: int,
    data: Path,
    references: Path,
    head: Path,
    prompted: Path,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Scores [N] by method for one objective on one scenario, and the table of means and ratios."""
    torch.set_num_threads(1)
    gain_db = load_split(data, Manifest.load(data), scenario, config.split)
    powers = read_references(references, Manifest.load(references).entry(scenario).splits[config.split])
    powers[MODEL] = allocate_batches(load_power_model(head)[0], gain_db)
    goal = by_name(objective)
    powers[PROMPTED] = allocate_batches(load_any_goal_model(prompted), gain_db, goal)
    powers[POLISHED] = wmmse(
        to_gain(gain_db),
        goal,
        iterations=config.refinement_iterations,
        initial_power=powers[PROMPTED],
        threads=1,
    )
    wanted = [
        "full-reuse",
        "fplinq",
        "wmmse",
        PAPER_REFERENCE,
        f"best-{objective}",
        MODEL,
        PROMPTED,
        POLISHED,
    ]
    by_method = scores(objective, {method: powers[method] for method in wanted}, gain_db)
    return by_method, compare(by_method, objective, config, seed)


def work(context: Context[EvaluateConfig]) -> Outcome:
    """Score every method on every scenario and compare it with the paper's and the strong reference."""
    config = context.config
    folders = (paths.DATA.resolve(), paths.REFERENCES.resolve())
    for manifest in (Manifest.load(folders[0]), Manifest.load(folders[1])):
        for name in config.scenarios:
            manifest.entry(name)
    pairs = [(objective, scenario) for objective in OBJECTIVES for scenario in config.scenarios]
    prompted = paths.pretrained(paths.PROMPTED).resolve()
    heads = [(paths.HEADS / objective).resolve() for objective in OBJECTIVES]
    with (
        workers(Need("evaluate"), [*folders, prompted, *heads]),
        Meter(context.console, "evaluate", len(pairs), "tables") as meter,
    ):
        task = ray.remote(evaluate_task).options(num_cpus=1)
        pending = [
            task.remote(
                scenario,
                objective,
                config,
                context.seed,
                *folders,
                (paths.HEADS / objective).resolve(),
                prompted,
            )
            for objective, scenario in pairs
        ]
        evaluated = []
        for reference in pending:
            evaluated.append(ray.get(reference))
            meter.update(len(evaluated))
    return _outcome(context, dict(zip(pairs, evaluated, strict=True)))


def _outcome(
    context: Context[EvaluateConfig],
    evaluated: dict[tuple[str, str], tuple[dict[str, np.ndarray], dict[str, Any]]],
) -> Outcome:
    made = context.scratch / "made"
    made.mkdir(parents=True, exist_ok=True)
    metrics: dict[str, dict[str, dict[str, Any]]] = {}
    rows = []
    for (objective, scenario), (_, table) in evaluated.items():
        metrics.setdefault(objective, {})[scenario] = table
        rows.append([objective, scenario, *_row(table)])
    headline = {
        objective: {
            scenario: {method: _to_strong(table, method) for method in (MODEL, PROMPTED, POLISHED)}
            for scenario, table in tables.items()
        }
        for objective, tables in metrics.items()
    }
    (made / "metrics.json").write_text(json_text(headline))
    (made / "ratios.json").write_text(json_text(metrics))
    write_table(
        made / "scores.parquet", _scores_table({pair: scored for pair, (scored, _) in evaluated.items()})
    )
    outputs = {
        paths.metrics("evaluate"): made / "metrics.json",
        paths.RATIOS: made / "ratios.json",
        paths.EVALUATION / "scores.parquet": made / "scores.parquet",
    }
    columns = [
        "objective",
        "scenario",
        "fine-tuned",
        "prompted, one pass",
        f"+ {context.config.refinement_iterations} WMMSE iterations",
        "WMMSE",
        "full reuse",
    ]
    logged = {
        f"{objective}.{scenario}.{method}.ratio": value
        for objective, by_scenario in headline.items()
        for scenario, by_method in by_scenario.items()
        for method, value in by_method.items()
        if value is not None
    }
    return Outcome(outputs, columns, rows, logged)


def compare(
    by_method: dict[str, np.ndarray], objective: str, config: EvaluateConfig, seed: int
) -> dict[str, Any]:
    """One table: per method its mean and its ratio (with interval) to the paper's and to the strong reference."""
    table: dict[str, Any] = {"snapshots": len(by_method[MODEL])}
    strong = f"best-{objective}"
    for label, reference in (("paper", PAPER_REFERENCE), ("strong", strong)):
        compared = ratios(by_method, reference, seed, config.resamples, config.confidence)
        for method, ratio in compared.items():
            entry = table.setdefault(method, {"mean": round(float(by_method[method].mean()), 6)})
            if ratio is not None:
                entry[f"to_{label}"] = [round(value, 5) for value in ratio]
    return table


def _to_strong(table: dict[str, Any], method: str) -> float | None:
    """A method's ratio to the best WMMSE for the objective, if that says anything."""
    return table[method]["to_strong"][0] if "to_strong" in table[method] else None


def _row(table: dict[str, Any]) -> list[str]:
    """Ratios to the best WMMSE for the objective."""

    def show(method: str, interval: bool) -> str:
        if "to_strong" not in table[method]:
            return "-"
        value, low, high = table[method]["to_strong"]
        return f"{value:.3f} [{low:.3f}, {high:.3f}]" if interval else f"{value:.3f}"

    return [
        *(show(method, True) for method in (MODEL, PROMPTED, POLISHED)),
        *(show(method, False) for method in ("wmmse", "full-reuse")),
    ]


def _scores_table(scored: dict[tuple[str, str], dict[str, np.ndarray]]) -> pa.Table:
    parts = [
        pa.table(
            {
                "objective": [objective] * len(values),
                "scenario": [scenario] * len(values),
                "method": [method] * len(values),
                "snapshot": np.arange(len(values), dtype=np.int32),
                "score": values.astype(np.float32),
            }
        )
        for (objective, scenario), by_method in scored.items()
        for method, values in by_method.items()
    ]
    return pa.concat_tables(parts)


STAGE = Stage(
    "evaluate",
    EvaluateConfig,
    work,
    inputs=lambda _: [
        paths.DATA,
        paths.REFERENCES,
        paths.pretrained(paths.PROMPTED),
        *(paths.HEADS / objective for objective in OBJECTIVES),
    ],
    outputs=[paths.metrics("evaluate"), paths.RATIOS, paths.EVALUATION / "scores.parquet"],
)

if __name__ == "__main__":
    main(STAGE)
