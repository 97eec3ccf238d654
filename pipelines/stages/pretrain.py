"""Stage pretrain: Algorithm 1 (hybrid), and the unrolled network for any goal and world (prompted), under Ray Train on
as many workers as asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import Field, JsonValue, ValidationError, model_validator

from components.config import Strict
from components.data.shards import Manifest, json_text
from components.training.config import PretrainingConfig
from components.training.health import noise_floor_db
from components.training.validation import health
from components.training.worlds.config import WorldsConfig
from pipelines.cluster.external_weights import ExternalWeights, take, take_unrolled
from pipelines.cluster.pretraining import Spread, Trained, summary_rows, train_on_cluster
from pipelines.cluster.trainer import Algorithm1, AnyWorld, TrainingData, history_csv
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError, describe_validation
from pipelines.runtime.stage import Context, Outcome, Stage, main


class HybridConfig(PretrainingConfig, Spread):
    """Hyperparameters of Algorithm 1, the data to use and how to spread the work, or weights in place of training."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    from_sweep: bool = False
    weights: ExternalWeights | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "HybridConfig":
        if self.weights is not None and self.from_sweep:
            raise ValueError(
                "weights and from_sweep exclude each other: what is trained already has its values"
            )
        return self

    def algorithm(self) -> PretrainingConfig:
        """The part that the loop knows."""
        values = {name: getattr(self, name) for name in PretrainingConfig.model_fields}
        return PretrainingConfig.model_validate(values)


class PromptedConfig(WorldsConfig, Spread):
    """Hyperparameters of the unrolled network and how to spread the work, or weights in place of training."""

    from_sweep: bool = False
    weights: ExternalWeights | None = None

    def algorithm(self) -> WorldsConfig:
        """The part that the loop knows."""
        return WorldsConfig.model_validate({name: getattr(self, name) for name in WorldsConfig.model_fields})


ModelConfig = HybridConfig | PromptedConfig


class PretrainConfig(Strict):
    """Algorithm 1's values, what `hybrid` lays over them key by key, and the unrolled network's.

    Both models share how the work is spread. `from_sweep` lays the sweep's choice over those of `hybrid`.
    """

    models: tuple[Literal["hybrid", "prompted"], ...] = Field(min_length=1)
    from_sweep: bool = False
    common: HybridConfig
    hybrid: dict[str, JsonValue] = Field(default_factory=dict)
    prompted: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _every_model_is_valid(self) -> "PretrainConfig":
        for key, given in (
            ("common", self.common.model_fields_set),
            ("hybrid", self.hybrid),
            ("prompted", self.prompted),
        ):
            if "from_sweep" in given:
                raise ValueError(f"{key}.from_sweep is for all models: move it up, to pretrain.from_sweep")
        if self.common.weights is not None:
            raise ValueError("common.weights is of one model: move it to hybrid or prompted")
        for name in (paths.HYBRID, paths.PROMPTED):
            try:
                self.model(name)
            except ValidationError as error:
                raise ValueError(describe_validation(error, name)) from None
        return self

    def model(self, name: str) -> ModelConfig:
        """One model's configuration.

        Raises:
            ValidationError: a value that is laid over the common ones is wrong.
        """
        return self.of_prompted() if name == paths.PROMPTED else self.of_hybrid()

    def of_hybrid(self) -> HybridConfig:
        """That of Algorithm 1."""
        common = self.common.model_dump(mode="json") | {"from_sweep": self.from_sweep}
        return HybridConfig.model_validate_json(json.dumps(common | self.hybrid))

    def of_prompted(self) -> PromptedConfig:
        """That of the unrolled network."""
        common = {name: getattr(self.common, name) for name in Spread.model_fields}
        common["from_sweep"] = self.from_sweep
        return PromptedConfig.model_validate_json(json.dumps(common | self.prompted))


SHOWN = ("validation_loss", "edge_rmse_db", "mean_predictor_rmse_db", "effective_rank")
RATIO = "ratio_"  # how a history names ratios to one WMMSE run


def with_overrides(config: HybridConfig, path: Path) -> HybridConfig:
    """Algorithm 1's configuration with the sweep's choice laid over it (an empty file changes nothing).

    Raises:
        UserError: the file does not fit.
    """
    overrides = _choice(path)
    if paths.PROMPTED in overrides:  # the best trial has a goal prompt, which Algorithm 1 has not
        return config
    try:
        merged = config.model_dump(mode="json") | overrides
        merged["backbone"] = config.backbone.model_dump(mode="json") | overrides.get("backbone", {})
        return HybridConfig.model_validate_json(json.dumps(merged))
    except ValidationError as error:
        raise UserError(f"{path}: {describe_validation(error, 'pretrain.hybrid')}") from None


def check_overrides(path: Path) -> None:
    """Refuse a choice that the sweep made for a model with a goal prompt: the unrolled network has none of its values.

    Raises:
        UserError: there is one.
    """
    if choice := _choice(path).get(paths.PROMPTED):
        raise UserError(
            f"{path}: the sweep chose {', '.join(sorted(choice))} for a transformer with a goal prompt, but "
            "pretrain.prompted is the unrolled network: set pretrain.from_sweep to false, or take utility_weight out "
            "of sweep.space and sweep.base"
        )


def _choice(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def work_on(model: str) -> Callable[[Context[Any]], Outcome]:
    """The stage's work for one model."""
    return pretrain_prompted if model == paths.PROMPTED else pretrain_hybrid


def pretrain_hybrid(context: Context[HybridConfig]) -> Outcome:
    """Algorithm 1."""
    config = with_overrides(context.config, paths.overrides(context.config.from_sweep))
    algorithm = config.algorithm()
    if config.weights is not None:
        trained = take(config.weights, algorithm, context.scratch / "made" / "model")
        # The section's rates and epochs are not theirs.
        context.run.tags({"trained_elsewhere": config.weights.folder})
    else:
        data = TrainingData(paths.DATA.resolve(), config.scenarios)
        trained = train_on_cluster(context, "pretrain@hybrid", Algorithm1(algorithm, data))
    last, status = trained.history[-1], health(algorithm, trained.history[-1])
    kept = [name for name in last if name in SHOWN or name.startswith("advantage_")]
    summary = {name: round(last[name], 6) for name in kept} | {"status": status}
    summary["noise_floor_db"] = round(_noise_floor_db(context.config), 6)
    context.run.tags({"status": status})
    return _outcome(paths.HYBRID, trained, summary, summary_rows(last, status))


def pretrain_prompted(context: Context[PromptedConfig]) -> Outcome:
    """The unrolled network, on networks and goals that are drawn anew for every batch."""
    config, algorithm = context.config, context.config.algorithm()
    check_overrides(paths.overrides(config.from_sweep))
    if config.weights is not None:
        trained = take_unrolled(config.weights, algorithm, context.scratch / "made" / "model")
        context.run.tags({"trained_elsewhere": config.weights.folder})
    else:
        trained = train_on_cluster(context, "pretrain@prompted", AnyWorld(algorithm))
    last = trained.history[-1]
    summary: dict[str, Any] = {"validation_loss": round(last["validation_loss"], 6)}
    summary |= {name: round(value, 6) for name, value in last.items() if name.startswith(RATIO)}
    rows = [["epochs", f"{last['epoch'] + 1:.0f}"]]
    rows += [
        [f"{name.removeprefix(RATIO).replace('_', ' ')} / one WMMSE run", f"{value:.4f}"]
        for name, value in summary.items()
        if name.startswith(RATIO)
    ]
    return _outcome(paths.PROMPTED, trained, summary, rows)


def _outcome(model: str, trained: Trained, summary: dict[str, Any], rows: list[list[str]]) -> Outcome:
    made = trained.model.parent
    (made / "metrics.json").write_text(json_text(summary))
    (made / "history.csv").write_text(history_csv(trained.history))
    outputs = {
        paths.pretrained(model): trained.model,
        paths.metrics(f"pretrain-{model}"): made / "metrics.json",
        paths.history(f"pretrain-{model}"): made / "history.csv",
    }
    return Outcome(outputs, [f"pre-training, {model}", "last epoch"], [*rows, *trained.speed])


def _noise_floor_db(config: HybridConfig) -> float:
    manifest = Manifest.load(paths.DATA)
    return max(
        noise_floor_db(float(manifest.entry(name).parameters["shadowing_db"])) for name in config.scenarios
    )


def stage(model: str) -> Stage[Any]:
    """The stage for one model, which is given the values of that model alone."""
    name = f"pretrain-{model}"

    def part(section: PretrainConfig) -> ModelConfig:
        if model not in section.models:
            raise UserError(f"model {model} is not listed in pretrain.models of params.yaml: add it")
        return section.model(model)

    return Stage(
        "pretrain",
        PretrainConfig,
        work_on(model),
        inputs=lambda config: [paths.DATA, paths.overrides(config.from_sweep)],
        outputs=[paths.pretrained(model), paths.metrics(name), paths.history(name)],
        variant=model,
        part=part,
    )


def cli(
    model: Annotated[str, typer.Option(help="hybrid (Algorithm 1) or prompted (any goal).")] = paths.HYBRID,
) -> None:
    """Pre-train one of the models."""
    main(stage(model))


if __name__ == "__main__":
    typer.run(cli)
