"""Stage report: every metrics file as figures and tables on one HTML page that opens from disk."""

import base64
import csv
import json
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pyarrow.parquet as pq
from pydantic import Field

from components.config import Strict
from components.references import OBJECTIVES
from components.shards import Manifest
from pipelines import paths, report_figures
from pipelines.stage import Context, Outcome, Stage, main

TEMPLATE = Path(__file__).with_name("report_page.html")


class ReportConfig(Strict):
    """What the page is called."""

    title: str = Field(default="GFM-RA", min_length=1)


def read_history(path: Path) -> dict[str, np.ndarray]:
    """A learning curve's columns."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def read_json(path: Path) -> dict[str, Any]:
    """A metrics file."""
    return json.loads(path.read_text())


def work(context: Context[ReportConfig]) -> Outcome:
    """Draw the figures and fill the page."""
    made = context.scratch / "report"
    made.mkdir(parents=True, exist_ok=True)
    evaluation, pretrain = read_json(paths.RATIOS), read_json(paths.metrics("pretrain"))
    manifest = Manifest.load(paths.DATA)
    floor = pretrain["noise_floor_db"]
    report_figures.ratios(made / "ratios.png", evaluation)
    report_figures.pretraining(made / "pretraining.png", read_history(paths.history("pretrain")), floor)
    curves = {objective: read_history(paths.history(f"finetune-{objective}")) for objective in OBJECTIVES}
    report_figures.finetuning(made / "finetuning.png", curves)
    report_figures.distributions(
        made / "distributions.png", pq.read_table(paths.EVALUATION / "scores.parquet")
    )
    (made / "sweep.png").write_bytes((paths.SWEEP / "ratio.png").read_bytes())
    page = _render(context, made, evaluation, pretrain, floor, manifest)
    (made / "index.html").write_text(page)
    rows = [[path.name, f"{path.stat().st_size / 1024:.0f} KiB"] for path in sorted(made.iterdir())]
    return Outcome({paths.REPORT: made}, ["file in artifacts/report", "size"], rows)


def _render(
    context: Context[ReportConfig],
    made: Path,
    evaluation: dict[str, Any],
    pretrain: dict[str, Any],
    floor: float,
    manifest: Manifest,
) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["image"] = lambda name: base64.b64encode((made / name).read_bytes()).decode()
    trials = pq.read_table(paths.SWEEP / "trials.parquet").to_pylist()
    return environment.from_string(TEMPLATE.read_text()).render(
        title=context.config.title,
        seed=context.seed,
        evaluation={objective: evaluation[objective] for objective in OBJECTIVES},
        methods=["full-reuse", "fplinq", "wmmse", "best-sum-rate"],
        pretrain=pretrain,
        floor=floor,
        scenarios=manifest.scenarios,
        control=read_json(paths.metrics("control")),
        trials=sorted(trials, key=lambda row: -(row["few_shot_ratio"] or 0.0)),
        registered=read_json(paths.REGISTER),
    )


INPUTS = [
    paths.DATA / "manifest.json",
    paths.EVALUATION / "scores.parquet",
    paths.SWEEP,
    paths.REGISTER,
    paths.RATIOS,
    paths.metrics("control"),
    paths.metrics("pretrain"),
    paths.history("pretrain"),
    *(paths.history(f"finetune-{objective}") for objective in OBJECTIVES),
]
STAGE = Stage("report", ReportConfig, work, inputs=lambda _: INPUTS, outputs=[paths.REPORT])

if __name__ == "__main__":
    main(STAGE)
