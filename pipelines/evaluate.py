"""Stage evaluate: fine-tuned heads against classical solvers on the test snapshots, with intervals."""

from pathlib import Path
from typing import Literal, cast

import numpy as np
import pyarrow as pa
import ray
import torch
from pydantic import Field

from components.checkpoint import load_power_model
from components.config import Strict
from components.evaluation import MODEL, PAPER_REFERENCE, model_powers, ratios, scores
from components.references import OBJECTIVES, read_references
from components.shards import Manifest, json_text, load_split, write_table
from pipelines import paths
from pipelines.cluster import session
from pipelines.progress import Meter
from pipelines.stage import Context, Outcome, Stage, main


class EvaluateConfig(Strict):
    """What to evaluate on, and how the intervals are made."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    split: Literal["val", "test"] = "test"
    resamples: int = Field(default=1000, ge=100)
    confidence: float = Field(default=0.95, gt=0, lt=1)


def evaluate_task(
    scenario: str, objective: str, split: str, data: Path, references: Path, heads: Path
) -> dict[str, np.ndarray]:
    """Scores [N] by method for one objective on one scenario."""
    torch.set_num_threads(1)
    gain_db = load_split(data, Manifest.load(data), scenario, split)
    powers = read_references(references, Manifest.load(references).entry(scenario).splits[split])
    model, _ = load_power_model(heads / objective)
    powers[MODEL] = model_powers(model, gain_db)
    wanted = ["full-reuse", "fplinq", "wmmse", PAPER_REFERENCE, f"best-{objective}", MODEL]
    return scores(objective, {method: powers[method] for method in wanted}, gain_db)


def work(context: Context[EvaluateConfig]) -> Outcome:
    """Score every method on every scenario and compare it with the paper's and the strong reference."""
    config = context.config
    folders = (paths.DATA.resolve(), paths.REFERENCES.resolve(), paths.HEADS.resolve())
    for manifest in (Manifest.load(folders[0]), Manifest.load(folders[1])):
        for name in config.scenarios:
            manifest.entry(name)
    pairs = [(objective, scenario) for objective in OBJECTIVES for scenario in config.scenarios]
    with session(), Meter(context.console, "evaluate", len(pairs), "tables") as meter:
        task = ray.remote(evaluate_task).options(num_cpus=1)
        pending = [task.remote(scenario, objective, config.split, *folders) for objective, scenario in pairs]
        scored = []
        for done, reference in enumerate(pending):
            meter.update(done)
            scored.append(ray.get(reference))
    return _outcome(context, dict(zip(pairs, scored, strict=True)))


def _outcome(
    context: Context[EvaluateConfig], scored: dict[tuple[str, str], dict[str, np.ndarray]]
) -> Outcome:
    made = context.scratch / "made"
    made.mkdir(parents=True, exist_ok=True)
    metrics: dict[str, dict[str, dict[str, object]]] = {}
    rows = []
    for (objective, scenario), by_method in scored.items():
        table = _compare(by_method, objective, context)
        metrics.setdefault(objective, {})[scenario] = table
        rows.append([objective, scenario, *_row(table)])
    headline = {
        objective: {
            scenario: cast(float | None, table.get("gfm_ra_to_strong")) for scenario, table in tables.items()
        }
        for objective, tables in metrics.items()
    }
    (made / "metrics.json").write_text(json_text(headline))
    (made / "ratios.json").write_text(json_text(metrics))
    write_table(made / "scores.parquet", _scores_table(scored))
    outputs = {
        paths.metrics("evaluate"): made / "metrics.json",
        paths.RATIOS: made / "ratios.json",
        paths.EVALUATION / "scores.parquet": made / "scores.parquet",
    }
    columns = ["objective", "scenario", "mean", "/ WMMSE-Best", "/ utility-WMMSE-Best", "full reuse", "WMMSE"]
    logged = {
        f"{objective}.{scenario}.ratio": value
        for objective, by_scenario in headline.items()
        for scenario, value in by_scenario.items()
        if value is not None
    }
    return Outcome(outputs, columns, rows, logged)


def _compare(
    by_method: dict[str, np.ndarray], objective: str, context: Context[EvaluateConfig]
) -> dict[str, object]:
    """One table: per method its mean and its ratio (with interval) to the paper's and to the strong reference."""
    config = context.config
    table: dict[str, object] = {"snapshots": len(by_method[MODEL])}
    strong = f"best-{objective}"
    for label, reference in (("paper", PAPER_REFERENCE), ("strong", strong)):
        compared = ratios(by_method, reference, context.seed, config.resamples, config.confidence)
        for method, ratio in compared.items():
            entry = table.setdefault(method, {"mean": round(float(by_method[method].mean()), 6)})
            if ratio is not None:
                assert isinstance(entry, dict)
                entry[f"to_{label}"] = [round(value, 5) for value in ratio]
                if method == MODEL:
                    table[f"gfm_ra_to_{label}"] = round(ratio.value, 5)
    return table


def _row(table: dict[str, object]) -> list[str]:
    model, reuse, wmmse = (table[method] for method in (MODEL, "full-reuse", "wmmse"))
    assert isinstance(model, dict)
    assert isinstance(reuse, dict)
    assert isinstance(wmmse, dict)

    def show(entry: dict[str, list[float]], label: str) -> str:
        if f"to_{label}" not in entry:
            return "-"
        value, low, high = entry[f"to_{label}"]
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"

    return [
        f"{model['mean']:.3f}",
        show(model, "paper"),
        show(model, "strong"),
        show(reuse, "strong").split()[0],
        show(wmmse, "strong").split()[0],
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
    inputs=lambda _: [paths.DATA, paths.REFERENCES, *(paths.HEADS / objective for objective in OBJECTIVES)],
    outputs=[paths.metrics("evaluate"), paths.RATIOS, paths.EVALUATION / "scores.parquet"],
)

if __name__ == "__main__":
    main(STAGE)
