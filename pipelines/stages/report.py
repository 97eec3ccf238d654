"""Stage report: every metrics file as figures and tables on one HTML page that opens from disk."""

import base64
import csv
import re
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pyarrow.parquet as pq
from pydantic import Field

from components.config import Strict
from components.data.shards import Manifest, read_json, sha256_of
from components.evaluation.scores import MODEL, POLISHED, PROMPTED
from gfm_ra.goals import OBJECTIVES
from gfm_ra.processors import cores
from pipelines.reporting import report_figures, speed_quality
from pipelines.reporting.claims import status_in_words
from pipelines.reporting.plots import Figure, draw
from pipelines.runtime import paths, runs
from pipelines.runtime.machine import machine, versions
from pipelines.runtime.provenance import lock_digest
from pipelines.runtime.stage import PARAMS, Context, Outcome, Stage, main
from pipelines.runtime.text import read_text

TEMPLATE = Path(report_figures.__file__).with_name("report_page.html")
MODELS = (paths.HYBRID, paths.PROMPTED)
# JSON's order is alphabetical; the page's is by how many numbers an adaptation changes.
CHEAPEST_FIRST = ("zero-shot", "prompt", "lora", "full")


class ReportConfig(Strict):
    """What the page is called."""

    title: str = Field(default="GFM-RA", min_length=1)


def read_history(path: Path) -> dict[str, np.ndarray]:
    """A learning curve's columns."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def work(context: Context[ReportConfig]) -> Outcome:
    """Draw the figures and fill the page."""
    made = context.scratch / "report"
    made.mkdir(parents=True, exist_ok=True)
    content = _content(context)
    _draw(made, content)
    (made / "index.html").write_text(_render(made, content))
    rows = [[path.name, f"{path.stat().st_size / 1024:.0f} KiB"] for path in sorted(made.iterdir())]
    return Outcome({paths.REPORT: made}, ["file in artifacts/report", "size"], rows)


def _content(context: Context[ReportConfig]) -> dict[str, Any]:
    """Everything that the page says, by the names that the template uses."""
    evaluation = read_json(paths.RATIOS)
    goals = read_json(paths.GOAL_STUDY)
    evidence = read_json(paths.PAPER_FIGURES)
    trials = pq.read_table(paths.SWEEP / "trials.parquet").to_pylist()
    return {
        "title": context.config.title,
        "seed": context.seed,
        "evaluation": {objective: evaluation[objective] for objective in OBJECTIVES},
        "labels": report_figures.LABELS,
        "ours": (PROMPTED, POLISHED, MODEL),
        "zero_shot": {objective: _range(evaluation[objective], PROMPTED) for objective in OBJECTIVES},
        "goals": goals["goals"],
        "missing": {objective: goals["missing"][objective] for objective in OBJECTIVES},
        "adaptation": goals["adaptation"],
        "ways": _ways(goals["adaptation"]),
        "goal_snapshots": goals["snapshots"],
        "pretrain": {model: read_json(paths.metrics(f"pretrain-{model}")) for model in MODELS},
        "advantage": report_figures.ADVANTAGE,
        "scenarios": Manifest.load(paths.DATA).scenarios,
        "control": read_json(paths.metrics("scratch_baseline")),
        "trials": sorted(trials, key=lambda row: -(row["few_shot_ratio"] or 0.0)),
        "registered": read_json(paths.REGISTER),
        "evidence": evidence,
        "evidence_figures": evidence_figures(evidence),
        "provenance": provenance(),
    }


def provenance() -> dict[str, Any]:
    """Where the page comes from. The page is the one output that holds times: nothing is made from it."""
    return {
        "commit": runs.git_commit(),
        "lock": lock_digest(),
        "params": read_text(PARAMS),
        "params_digest": sha256_of(PARAMS),
        "machine": machine(),
        "cores": cores(),
        "versions": versions(),
        "stages": runs.newest_runs(),
    }


def _range(tables: dict[str, Any], method: str) -> tuple[float, float] | None:
    """Least and largest ratio to the strong reference over the scenarios; None if no scenario has one."""
    ratios = [table[method]["to_strong"][0] for table in tables.values() if "to_strong" in table[method]]
    return (min(ratios), max(ratios)) if ratios else None


def _ways(adaptation: dict[str, Any]) -> list[str]:
    """The ways of adapting, cheapest first; those that are not known come last."""
    found = {way: None for by_way in adaptation["goals"].values() for way in by_way}
    return [*(way for way in CHEAPEST_FIRST if way in found), *(w for w in found if w not in CHEAPEST_FIRST)]


def _draw(made: Path, content: dict[str, Any]) -> None:
    report_figures.ratios(made / "ratios.png", content["evaluation"])
    report_figures.distributions(
        made / "distributions.png", pq.read_table(paths.EVALUATION / "scores.parquet")
    )
    report_figures.missing(made / "missing.png", content["missing"])
    floor = content["pretrain"][paths.HYBRID]["noise_floor_db"]
    curve = read_history(paths.history(f"pretrain-{paths.HYBRID}"))
    report_figures.pretraining(made / f"pretrain-{paths.HYBRID}.png", curve, floor)
    curve = read_history(paths.history(f"pretrain-{paths.PROMPTED}"))
    report_figures.worlds_training(made / f"pretrain-{paths.PROMPTED}.png", curve)
    curves = {objective: read_history(paths.history(f"finetune-{objective}")) for objective in OBJECTIVES}
    report_figures.finetuning(made / "finetuning.png", curves)
    for figure in content["evidence_figures"]:
        draw(made / f"{figure.name}.png", figure)
    (made / "sweep.png").write_bytes((paths.SWEEP / "ratio.png").read_bytes())


def evidence_figures(evidence: dict[str, Any]) -> list[Figure]:
    """The paper's figures and the frontier's, as they stand in the metrics file."""
    figures = [Figure(**values) for values in evidence["figures"].values() if values["rows"]]
    figures.sort(key=lambda figure: (_number(figure.name), figure.name))
    points = evidence["speed_quality"]["rows"]
    for batch in sorted({row["batch"] for row in points}):
        figures += [speed_quality.figure(points, objective, batch) for objective in OBJECTIVES]
    return figures


def _number(name: str) -> int:
    """That of a figure of the paper; what the paper has no figure of comes last."""
    found = re.match(r"figure(\d+)", name)
    return int(found[1]) if found else 99


def _render(made: Path, content: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["image"] = lambda name: base64.b64encode((made / name).read_bytes()).decode()
    environment.filters["status_in_words"] = status_in_words
    return environment.from_string(TEMPLATE.read_text()).render(content)


INPUTS = [
    paths.DATA / "manifest.json",
    paths.EVALUATION / "scores.parquet",
    paths.SWEEP,
    paths.REGISTER,
    paths.RATIOS,
    paths.GOAL_STUDY,
    paths.PAPER_FIGURES,
    paths.metrics("scratch_baseline"),
    *(paths.metrics(f"pretrain-{model}") for model in MODELS),
    *(paths.history(f"pretrain-{model}") for model in MODELS),
    *(paths.history(f"finetune-{objective}") for objective in OBJECTIVES),
]
STAGE = Stage("report", ReportConfig, work, inputs=lambda _: INPUTS, outputs=[paths.REPORT])

if __name__ == "__main__":
    main(STAGE)
