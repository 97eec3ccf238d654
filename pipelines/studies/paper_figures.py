"""Stage paper_figures: the paper's figures with our numbers, quality against time, and the status of every claim.

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
from pipelines.reporting.paper_figures import Figures
from pipelines.reporting.plots import Figure, draw, vega
from pipelines.reporting.results import Arm, Results
from pipelines.reporting.small_models import SmallModels, Variants
from pipelines.runtime import paths
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.tuning.plots import parameters


class PaperFiguresConfig(Strict):
    """Which runs make up which figure."""

    profile: str = Field(min_length=1)  # named beside every number
    reference: str = Field(
        min_length=1
    )  # what "best WMMSE" means, in words: stage solve's starts and iterations
    adapted: str  # folder of the backbone that the few-shot curves adapt, from the top of the repository
    rows: int = Field(ge=1)  # test snapshots per scenario, those of stage few_shot
    scenarios: tuple[str, ...] = Field(min_length=1)  # that the averages are over
    small_scenario: str  # of figures 9 to 11
    sizes: tuple[str, ...] = Field(min_length=1)
    mask_ratios: tuple[str, ...] = Field(min_length=1)
    ablation: tuple[str, ...] = Field(min_length=1)
    depths: tuple[str, ...] = Field(min_length=1)
    training_sets: tuple[str, ...] = ()  # variants that differ in the networks they were pre-trained on

    def adapted_variants(self) -> set[str]:
        """Every small model that figures 9 to 11 show."""
        return {*self.sizes, *self.mask_ratios, *self.ablation, *self.depths} - {SCRATCH}

    def variants(self) -> list[str]:
        """Every small model that a figure shows."""
        return sorted({*self.adapted_variants(), *self.training_sets})


def work(context: Context[PaperFiguresConfig]) -> Outcome:
    """Make every figure and evaluate every claim."""
    config = context.config
    results = Results(
        paths.FEW_SHOT / "runs.parquet", paths.DATA, paths.REFERENCES, config.rows, context.seed
    )
    figures = Figures(results, config.scenarios, config.small_scenario)
    made = [*figures.all(), *SmallModels(results, config.scenarios, describe(config)).all()]
    points = speed_quality_points(results, figures, context.seed)
    made += [
        speed_quality.figure(points, objective, batch)
        for batch in sorted({row["batch"] for row in points})
        for objective in OBJECTIVES
    ]
    evaluated = claims.evaluate(made)
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
        "speed_quality": {
            "machine": _latency()["machine"],
            "rows": points,
            "findings": speed_quality.findings(points),
        },
        "claims": evaluated,
        "ablations": summaries(config),
    }
    metrics = context.scratch / "paper_figures.json"
    metrics.write_text(json_text(content))
    rows = [
        [found["figure"], found["claim"], found["measured"][:60], claims.status_in_words(found)]
        for found in evaluated
    ]
    return Outcome(
        {paths.FIGURES: folder, paths.PAPER_FIGURES: metrics},
        ["figure", "claim", "measured", "status"],
        rows,
    )


def describe(config: PaperFiguresConfig) -> Variants:
    """Sizes and mask ratios of the small models, from what they left."""
    weights, rho, layers, links = {}, {}, {}, {}
    for name in config.variants():
        folder = paths.ABLATIONS / name / "0"
        backbone = load_card(folder).backbone
        weights[name] = parameters(backbone.model_dump())
        summary = read_json(folder / "summary.json")
        rho[name], links[name] = float(summary["mask_ratio"]), summary["links"]
        layers[name] = backbone.layers
    return Variants(
        config.sizes,
        config.mask_ratios,
        config.ablation,
        weights,
        rho,
        config.depths,
        layers,
        {name: links[name] for name in config.training_sets},
        config.small_scenario,
    )


def summaries(config: PaperFiguresConfig) -> dict[str, list[dict[str, Any]]]:
    """How the pre-training of every small model ended, a plateau included."""
    return {
        name: [read_json(path) for path in sorted((paths.ABLATIONS / name).glob("*/summary.json"))]
        for name in config.variants()
    }


def speed_quality_points(results: Results, figures: Figures, seed: int) -> list[dict[str, Any]]:
    """Quality against time: timed by stage speed_quality, the fine-tuned ones evaluated by stage few_shot."""
    timed = _latency()["rows"]
    scenarios = list(dict.fromkeys(row["scenario"] for row in timed))
    arms: dict[str, list[Arm]] = {}
    for arm in results.arms():
        if (
            arm.study in ("pcgnn", "few-shot", "variants")
            and arm == figures.most(arm)
            and arm.start != SCRATCH
        ):
            arms.setdefault(arm.start, []).append(arm)
    trained = speed_quality.trained_ratios(results, arms, scenarios)
    scores = read_json(paths.SPEED_QUALITY / "scores.json")
    return speed_quality.points(timed, scores, trained, results.links, seed)


def _latency() -> dict[str, Any]:
    return read_json(paths.SPEED_QUALITY / "latency.json")


def write(folder: Path, figure: Figure) -> None:
    """One figure as Parquet, PNG and Vega-Lite."""
    rows = [row | {"x": str(row["x"])} for row in figure.rows]
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{figure.name}.parquet")
    (folder / f"{figure.name}.vl.json").write_text(json_text(vega(figure)))
    if figure.rows:
        draw(folder / f"{figure.name}.png", figure)


STAGE = Stage(
    "paper_figures",
    PaperFiguresConfig,
    work,
    inputs=lambda config: [
        paths.DATA,
        paths.REFERENCES,
        paths.ABLATIONS,
        paths.FEW_SHOT,
        paths.SPEED_QUALITY,
        ROOT / config.adapted,
    ],
    outputs=[paths.FIGURES, paths.PAPER_FIGURES],
)

if __name__ == "__main__":
    main(STAGE)
