"""What a sweep leaves: the table of trials, the best choice and the plots."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from components.data.shards import json_text, write_table
from components.evaluation.few_shot import FEW_SHOT, ZERO_SHOT
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Context, Outcome
from pipelines.tuning import plots
from pipelines.tuning.config import SweepConfig
from pipelines.tuning.log import score_of, scores_of
from pipelines.tuning.space import Choice

SIGNS_OF_LIFE = ("edge_rmse_db", "effective_rank")


@dataclass(frozen=True)
class Record:
    """One trial: what it tried and its last report."""

    choice: Choice
    result: dict[str, Any]
    error: str = ""

    @property
    def score(self) -> float | None:
        """What it is ranked by, or None if it failed."""
        return score_of(self.result)


def trials_table(config: SweepConfig, records: Sequence[Record]) -> pa.Table:
    """One row per trial: its parameters, every downstream ratio, the last epoch's signs of life, or its error."""
    names = sorted({name for record in records for name in scores_of(record.result)} - {FEW_SHOT, ZERO_SHOT})
    columns: dict[str, list[Any]] = {}
    for record in records:
        trial, done = config.trial(record.choice), record.score is not None
        row = {
            "mask_ratio": trial.mask_ratio,
            "consistency_weight": trial.consistency_weight,
            "utility_weight": trial.utility_weight,
            "learning_rate": trial.learning_rate,
            **{name: getattr(trial.backbone, name) for name in ("layers", "width", "heads")},
            "epochs": record.result.get("epochs") if done else None,
            **{name: record.result.get(name) if done else None for name in (FEW_SHOT, ZERO_SHOT, *names)},
            **{name: record.result.get(name) if done else None for name in SIGNS_OF_LIFE},
            "error": None if done else record.result.get("error", record.error),
        }
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    whole, text = ("layers", "width", "heads", "epochs"), ("error",)
    types = {name: pa.int64() if name in whole else pa.string() for name in (*whole, *text)}
    return pa.table(
        {name: pa.array(values, types.get(name, pa.float64())) for name, values in columns.items()}
    )


def overrides_of(config: SweepConfig, choice: Choice) -> dict[str, Any]:
    """A choice as pretrain's parameters: of a goal-conditioned trial it is the prompted model's, else everyone's."""
    return {"prompted": choice} if config.trial(choice).goal_conditioned else choice


def outcome(context: Context[SweepConfig], records: Sequence[Record]) -> Outcome:
    """Write every output.

    Raises:
        UserError: no trial has a score.
    """
    finished = [record for record in records if record.score is not None]
    if not finished:
        reason = next(
            filter(None, (record.result.get("error", record.error) for record in records)),
            "no error was reported",
        )
        raise UserError(
            f"no trial of the sweep finished ({reason}); all errors are in MLflow, in the runs below this one"
        )
    best = max(finished, key=lambda record: record.score or 0.0)
    made = context.scratch / "made"
    (made / "sweep").mkdir(parents=True, exist_ok=True)
    table = trials_table(context.config, records)
    write_table(made / "sweep" / "trials.parquet", table)
    choice = json_text(overrides_of(context.config, best.choice))
    (made / "sweep" / "best.json").write_text(choice)
    (made / "true.json").write_text(choice)
    plots.draw(table, made / "sweep", context.config.few_shot)
    name = f"best_{context.config.rank_by}"
    summary = {"failed_trials": len(records) - len(finished), name: round(best.score or 0.0, 6)}
    (made / "metrics.json").write_text(json_text(summary))
    outputs = {
        paths.SWEEP: made / "sweep",
        paths.overrides(True): made / "true.json",
        paths.metrics("sweep"): made / "metrics.json",
    }
    return Outcome(outputs, *_shown(context.config, table, records, best), {name: best.score or 0.0})


def _shown(
    config: SweepConfig, table: pa.Table, records: Sequence[Record], best: Record
) -> tuple[list[str], list[list[str]]]:
    """The summary's columns and rows: what varied, and what came of it."""
    rows = table.to_pylist()
    titles = {"mask_ratio": "rho", "consistency_weight": "lambda", "utility_weight": "mu"}
    varied = [name for name in config.space.varied() if name != "backbone"]
    columns = [*(titles.get(name, name) for name in varied), "layers x width", "epochs"]
    columns += [f"{config.few_shot.shots}-shot ratio", "zero-shot ratio", ""]
    shown = [
        [
            *(f"{row[name]:.4g}" for name in varied),
            f"{row['layers']} x {row['width']}",
            "" if row["epochs"] is None else str(row["epochs"]),
            _number(row[FEW_SHOT], record.score is None),
            _number(row[ZERO_SHOT], False),
            "best" if record is best else "",
        ]
        for row, record in zip(rows, records, strict=True)
    ]
    return columns, shown


def _number(value: float | None, failed: bool) -> str:
    return "failed" if failed else "" if value is None else f"{value:.4f}"
