"""Stage pretrain: Algorithm 1, and its goal-conditioned extension, under Ray Train on as many workers as asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import Field, JsonValue, ValidationError, model_validator

from components.config import Strict
from components.data.shards import Manifest, json_text
from components.training.config import PretrainingConfig
from components.training.health import noise_floor_db
from components.training.validation import health
from pipelines.cluster.external_weights import ExternalWeights, take
from pipelines.cluster.pretraining import SpreadConfig, Trained, summary_rows, train_on_cluster
from pipelines.cluster.trainer import history_csv
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError, describe_validation
from pipelines.runtime.stage import Context, Outcome, Stage, main


class ModelConfig(SpreadConfig):
    """One model's hyperparameters, the data to use and how to spread the work, or weights in place of training."""

    from_sweep: bool = False
    weights: ExternalWeights | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "ModelConfig":
        if self.weights is not None and self.from_sweep:
            raise ValueError(
                "weights and from_sweep exclude each other: what is trained already has its values"
            )
        if self.distillation_weight > 0:
            raise ValueError("distillation_weight needs a teacher: it belongs to section distil")
        return self

    def algorithm(self) -> PretrainingConfig:
        """The part that the loop knows."""
        values = {name: getattr(self, name) for name in PretrainingConfig.model_fields}
        return PretrainingConfig.model_validate(values)


class PretrainConfig(Strict):
    """What the models share, and what each of them lays over it, key by key.

    `from_sweep` lays the sweep's choice over both.
    """

    models: tuple[Literal["hybrid", "prompted"], ...] = Field(min_length=1)
    from_sweep: bool = False
    common: ModelConfig
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
        if paths.PROMPTED in self.models and not self.model(paths.PROMPTED).goal_conditioned:
            raise ValueError(
                "prompted.utility_weight must be above 0: without it there is no prompt to learn"
            )
        return self

    def model(self, name: str) -> ModelConfig:
        """One model's configuration.

        Raises:
            ValidationError: a value that is laid over the common ones is wrong.
        """
        common = self.common.model_dump(mode="json") | {"from_sweep": self.from_sweep}
        return ModelConfig.model_validate_json(json.dumps(common | getattr(self, name)))


SHOWN = ("validation_loss", "edge_rmse_db", "mean_predictor_rmse_db", "effective_rank")


def with_overrides(config: ModelConfig, model: str, path: Path) -> ModelConfig:
    """The configuration with the sweep's choice laid over it (an empty file changes nothing).

    A choice under `prompted` is for that model alone.

    Raises:
        UserError: the file does not fit.
    """
    overrides = json.loads(path.read_text())
    choice = overrides.pop(paths.PROMPTED, {})
    overrides |= choice if model == paths.PROMPTED else {}
    try:
        merged = config.model_dump(mode="json") | overrides
        merged["backbone"] = config.backbone.model_dump(mode="json") | overrides.get("backbone", {})
        return ModelConfig.model_validate_json(json.dumps(merged))
    except ValidationError as error:
        raise UserError(f"{path}: {describe_validation(error, f'pretrain.{model}')}") from None


def work_on(model: str) -> Callable[[Context[ModelConfig]], Outcome]:
    """The stage's work for one model."""

    def work(context: Context[ModelConfig]) -> Outcome:
        config = with_overrides(context.config, model, paths.overrides(context.config.from_sweep))
        algorithm = config.algorithm()
        if config.weights is not None:
            trained = take(config.weights, algorithm, context.scratch / "made" / "model")
            # The section's rates and epochs are not theirs.
            context.run.tags({"trained_elsewhere": config.weights.folder})
        else:
            trained = train_on_cluster(context, f"pretrain@{model}", algorithm)
        return _outcome(context, algorithm, model, trained)

    return work


def _outcome(
    context: Context[ModelConfig], algorithm: PretrainingConfig, model: str, trained: Trained
) -> Outcome:
    last, status = trained.history[-1], health(algorithm, trained.history[-1])
    made = trained.model.parent
    kept = [name for name in last if name in SHOWN or name.startswith("advantage_")]
    summary = {name: round(last[name], 6) for name in kept} | {"status": status}
    summary["noise_floor_db"] = round(_noise_floor_db(context.config), 6)
    (made / "metrics.json").write_text(json_text(summary))
    (made / "history.csv").write_text(history_csv(trained.history))
    outputs = {
        paths.pretrained(model): trained.model,
        paths.metrics(f"pretrain-{model}"): made / "metrics.json",
        paths.history(f"pretrain-{model}"): made / "history.csv",
    }
    context.run.tags({"status": status})
    rows = [*summary_rows(last, status), *trained.speed]
    return Outcome(outputs, [f"pre-training, {model}", "last epoch"], rows)


def _noise_floor_db(config: ModelConfig) -> float:
    manifest = Manifest.load(paths.DATA)
    return max(
        noise_floor_db(float(manifest.entry(name).parameters["shadowing_db"])) for name in config.scenarios
    )


def stage(model: str) -> Stage[ModelConfig]:
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


def cli(model: Annotated[str, typer.Option(help="hybrid (Algorithm 1) or prompted.")] = paths.HYBRID) -> None:
    """Pre-train one of the models."""
    main(stage(model))


if __name__ == "__main__":
    typer.run(cli)
