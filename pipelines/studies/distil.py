"""Stage distil: a small goal-conditioned model that learns from utility and from the prompted model's powers."""

from pathlib import Path

from pydantic import Field, model_validator

from components.data.shards import json_text
from components.model.conditioning import goals_of
from components.model.export import export_onnx
from components.training.checkpoint import load_prompted_model
from components.training.config import PretrainingConfig
from gfm_ra.goals import OBJECTIVES, SumRate
from gfm_ra.latency import measure, typical_gains
from pipelines.cluster.pretraining import SpreadConfig, train_on_cluster
from pipelines.cluster.trainer import history_csv
from pipelines.registry.comparison import graph_powers, validation_snapshots
from pipelines.registry.pyfunc_program import open_session
from pipelines.runtime import paths
from pipelines.runtime.stage import Context, Outcome, Stage, main

LATENCY_LINKS, LATENCY_SECONDS = 50, 2.0
CANDIDATES = ("teacher", "compact")


class DistilConfig(SpreadConfig):
    """How the small model is trained, and on which validation scenarios it is compared with its teacher."""

    validation_scenarios: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _takes_goals(self) -> "DistilConfig":
        if not self.goal_conditioned:
            raise ValueError("utility_weight must be above 0: without it there are no powers to distil")
        if self.distillation_weight == 0:
            raise ValueError(
                "distillation_weight must be above 0: a model without a teacher belongs to pretrain"
            )
        return self

    def algorithm(self) -> PretrainingConfig:
        """The part that the loop knows."""
        return PretrainingConfig.model_validate(
            {name: getattr(self, name) for name in PretrainingConfig.model_fields}
        )


def candidates(context: Context[DistilConfig], model: Path) -> dict[str, Path]:
    """Exported graphs by name: the teacher and the small model."""
    graphs = {name: context.scratch / f"{name}.onnx" for name in CANDIDATES}
    teacher, compact = graphs.values()
    export_onnx(load_prompted_model(paths.pretrained(paths.PROMPTED)), teacher)
    export_onnx(load_prompted_model(model), compact)
    return graphs


def latency_ms(graph: Path) -> float:
    """Milliseconds for one network of LATENCY_LINKS links on one thread, median."""
    runtime, goals = open_session(graph, threads=1), goals_of(SumRate(), 1, LATENCY_LINKS)
    inputs = {
        "gain_db": typical_gains(1, LATENCY_LINKS),
        "parameters": goals.parameters.numpy(),
        "weights": goals.weights.numpy(),
    }
    return measure(lambda: runtime.run(["power"], inputs), 1, LATENCY_SECONDS).p50_ms


def work(context: Context[DistilConfig]) -> Outcome:
    """Train the small model and compare it with its teacher."""
    validation = validation_snapshots(
        context.config.validation_scenarios, OBJECTIVES, context.seed
    )  # what is missing shows at once
    trained = train_on_cluster(
        context, STAGE.label, context.config.algorithm(), paths.pretrained(paths.PROMPTED).resolve()
    )
    summary, rows = {}, []
    for name, graph in candidates(context, trained.model).items():
        scored = validation.scores(graph_powers(graph, any_goal=True))
        means = {objective: validation.mean_ratio(scored, objective) for objective in OBJECTIVES}
        summary |= {f"{name}.{objective}": round(mean, 6) for objective, mean in means.items()}
        # How long it takes depends on the machine: shown, but kept in no file.
        rows.append([name, *(f"{mean:.4f}" for mean in means.values()), f"{latency_ms(graph):.2f}"])
    made = trained.model.parent
    (made / "metrics.json").write_text(json_text(summary))
    (made / "history.csv").write_text(history_csv(trained.history))
    outputs = {
        paths.COMPACT: trained.model,
        paths.metrics(STAGE.name): made / "metrics.json",
        paths.history(STAGE.name): made / "history.csv",
    }
    rows += [[*row, "", "", ""] for row in trained.speed]
    return Outcome(outputs, ["ratio to WMMSE", *OBJECTIVES, f"ms, K = {LATENCY_LINKS}"], rows)


STAGE = Stage(
    "distil",
    DistilConfig,
    work,
    inputs=lambda _: [paths.DATA, paths.pretrained(paths.PROMPTED)],
    outputs=[paths.COMPACT, paths.metrics("distil"), paths.history("distil")],
    params=paths.COMPACT_PARAMS,
)

if __name__ == "__main__":
    main(STAGE)
