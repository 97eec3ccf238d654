"""Stage evidence: the paper's figures with our numbers, the frontier, and a verdict on every claim.

Each figure is left as Parquet, PNG and Vega-Lite; all values together are one committed metrics file, from which the
report and README take theirs.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from components.config import Strict
from components.data.shards import json_text, read_json
from components.evaluation.comparison import SCRATCH
from components.training.checkpoint import load_card
from gfm_ra.goals import OBJECTIVES
from pipelines.cluster.session import ROOT
from pipelines.reporting import claims, speed_quality
from pipelines.reporting.paper_figures import Figures, Variants
from pipelines.reporting.plots import Figure, draw, vega
from pipelines.reporting.results import Arm, Ledger
from pipelines.runtime import paths
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.tuning.plots import parameters


class EvidenceConfig(Strict):
    """Which runs make up which figure."""

    profile: str = Field(min_length=1)  # named beside every number
    reference: str = Field(
        min_length=1
    )  # what "best WMMSE" means, in words: stage solve's starts and iterations
    adapted: str  # folder of the backbone that the few-shot curves adapt, from the top of the repository
    rows: int = Field(ge=1)  # test snapshots per scenario, those of stage adapt
    scenarios: tuple[str, ...] = Field(min_length=1)  # that the averages are over
    small_scenario: str  # of figures 9 to 11
    sizes: tuple[str, ...] = Field(min_length=1)
    mask_ratios: tuple[str, ...] = Field(min_length=1)
    ablation: tuple[str, ...] = Field(min_length=1)


def work(context: Context[EvidenceConfig]) -> Outcome:
    """Make every figure and judge every claim."""
    config = context.config
    ledger = Ledger(paths.ADAPTED / "runs.parquet", paths.DATA, paths.REFERENCES, config.rows, context.seed)
    figures = Figures(ledger, config.scenarios, describe(config))
    made = figures.all()
    points = frontier(ledger, figures, context.seed)
    made += [
        speed_quality.figure(points, objective, batch)
        for batch in sorted({row["batch"] for row in points})
        for objective in OBJECTIVES
    ]
    verdicts = claims.judged(made)
    folder = context.scratch / "made"
    folder.mkdir(parents=True, exist_ok=True)
    for figure in made:
        write(folder, figure)
    content = {
        "profile": config.profile,
        "seed": context.seed,
        "snapshots": config.rows,
        "weights": parameters(load_card(ROOT / config.adapted).backbone.model_dump()),
        "reference": config.reference,
        "figures": {
            figure.name: figure._asdict() for figure in made if not figure.name.startswith("frontier")
        },
        "frontier": {
            "machine": _latency()["machine"],
            "rows": points,
            "verdicts": speed_quality.verdicts(points),
        },
        "claims": verdicts,
        "variants": summaries(config),
    }
    metrics = context.scratch / "evidence.json"
    metrics.write_text(json_text(content))
    rows = [[found["figure"], found["claim"], found["measured"][:60], found["verdict"]] for found in verdicts]
    return Outcome(
        {paths.FIGURES: folder, paths.EVIDENCE: metrics}, ["figure", "claim", "measured", "verdict"], rows
    )


def describe(config: EvidenceConfig) -> Variants:
    """Sizes and mask ratios of the small models, from what they left."""
    names = {*config.sizes, *config.mask_ratios, *config.ablation} - {SCRATCH}
    weights, rho = {}, {}
    for name in names:
        folder = paths.VARIANTS / name / "0"
        backbone = load_card(folder).backbone
        weights[name] = parameters(backbone.model_dump())
        rho[name] = float(read_json(folder / "summary.json")["mask_ratio"])
    return Variants(config.sizes, config.mask_ratios, config.ablation, weights, rho, config.small_scenario)


def summaries(config: EvidenceConfig) -> dict[str, list[dict[str, Any]]]:
    """How the pre-training of every small model ended, a plateau included."""
    names = sorted({*config.sizes, *config.mask_ratios, *config.ablation} - {SCRATCH})
    return {
        name: [read_json(path) for path in sorted((paths.VARIANTS / name).glob("*/summary.json"))]
        for name in names
    }


def frontier(ledger: Ledger, figures: Figures, seed: int) -> list[dict[str, Any]]:
    """The frontier's points: timed by stage frontier, the fine-tuned ones judged by stage adapt."""
    timed = _latency()["rows"]
    scenarios = list(dict.fromkeys(row["scenario"] for row in timed))
    arms: dict[str, list[Arm]] = {}
    for arm in ledger.arms():
        if (
            arm.study in ("pcgnn", "few-shot", "variants")
            and arm == figures.most(arm)
            and arm.start != SCRATCH
        ):
            arms.setdefault(arm.start, []).append(arm)
    trained = speed_quality.trained_ratios(ledger, arms, scenarios)
    scores = read_json(paths.FRONTIER / "scores.json")
    return speed_quality.points(timed, scores, trained, ledger.links, seed)


def _latency() -> dict[str, Any]:
    return read_json(paths.FRONTIER / "latency.json")


def write(folder: Path, figure: Figure) -> None:
    """One figure as Parquet, PNG and Vega-Lite."""
    rows = [row | {"x": str(row["x"])} for row in figure.rows]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{figure.name}.parquet")
    (folder / f"{figure.name}.vl.json").write_text(json_text(vega(figure)))
    if figure.rows:
        draw(folder / f"{figure.name}.png", figure)


STAGE = Stage(
    "evidence",
    EvidenceConfig,
    work,
    inputs=lambda config: [
        paths.DATA,
        paths.REFERENCES,
        paths.VARIANTS,
        paths.ADAPTED,
        paths.FRONTIER,
        ROOT / config.adapted,
    ],
    outputs=[paths.FIGURES, paths.EVIDENCE],
)

if __name__ == "__main__":
    main(STAGE)
