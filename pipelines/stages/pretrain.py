"""Stage pretrain: Algorithm 1, and its goal-conditioned extension, under Ray Train on as many workers as asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import Field, JsonValue, ValidationError, model_validator

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


class PretrainConfig(SpreadConfig):
    """Algorithm 1's hyperparameters, the data to use and how to spread the work.

    `hybrid` is trained with these values, `prompted` with those under `prompted` laid over them.
    """

    models: tuple[Literal["hybrid", "prompted"], ...] = Field(min_length=1)
    prompted: dict[str, JsonValue] = Field(default_factory=dict)
    from_sweep: bool = False
    # Models that were trained elsewhere: they are taken instead of training.
    weights: dict[Literal["hybrid", "prompted"], ExternalWeights] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _both_models_are_valid(self) -> "PretrainConfig":
        if self.prompted:
            unknown = [name for name in self.prompted if name not in PretrainingConfig.model_fields]
            if unknown:
                raise ValueError(
                    f"prompted.{unknown[0]} is not a hyperparameter: check the spelling or remove it"
                )
        if foreign := set(self.weights) - set(self.models):
            raise ValueError(f"weights.{min(foreign)} is not in models: add it there, or take it out here")
        if self.weights and self.from_sweep:
            raise ValueError(
                "weights and from_sweep exclude each other: what is trained already has its values"
            )
        if any(self.algorithm(model).distillation_weight > 0 for model in self.models):
            raise ValueError("distillation_weight needs a teacher: it belongs to section distil")
        if paths.PROMPTED in self.models and not self.algorithm(paths.PROMPTED).goal_conditioned:
            raise ValueError(
                "prompted.utility_weight must be above 0: without it there is no prompt to learn"
            )
        return self

    def algorithm(self, model: str = paths.HYBRID) -> PretrainingConfig:
        """The part that the loop knows, for one of the models.

        Raises:
            ValidationError: a value under `prompted` is wrong.
        """
        values = {name: getattr(self, name) for name in PretrainingConfig.model_fields}
        plain = PretrainingConfig.model_validate(values).model_dump(mode="json")
        changes = self.prompted if model == paths.PROMPTED else {}
        return PretrainingConfig.model_validate_json(json.dumps(plain | changes))


SHOWN = ("validation_loss", "edge_rmse_db", "mean_predictor_rmse_db", "effective_rank")


def with_overrides(config: PretrainConfig, path: Path) -> PretrainConfig:
    """The configuration with the sweep's choice laid over it (an empty file changes nothing).

    Raises:
        UserError: the file does not fit.
    """
    overrides = json.loads(path.read_text())
    try:
        merged = config.model_dump(mode="json") | overrides
        merged["backbone"] = config.backbone.model_dump(mode="json") | overrides.get("backbone", {})
        merged["prompted"] = config.prompted | overrides.get("prompted", {})
        return PretrainConfig.model_validate_json(json.dumps(merged))
    except ValidationError as error:
        raise UserError(f"{path}: {describe_validation(error, 'pretrain')}") from None


def work_on(model: str) -> Callable[[Context[PretrainConfig]], Outcome]:
    """The stage's work for one model."""

    def work(context: Context[PretrainConfig]) -> Outcome:
        config = with_overrides(context.config, paths.overrides(context.config.from_sweep))
        if model not in config.models:
            raise UserError(f"model {model} is not listed in pretrain.models of params.yaml: add it")
        algorithm = config.algorithm(model)
        if model in config.weights:
            trained = take(config.weights[model], algorithm, context.scratch / "made" / "model")
            # The section's rates and epochs are not theirs.
            context.run.tags({"trained_elsewhere": config.weights[model].folder})
        else:
            trained = train_on_cluster(context, f"pretrain@{model}", algorithm)
        return _outcome(context, algorithm, model, trained)

    return work


def _outcome(
    context: Context[PretrainConfig], algorithm: PretrainingConfig, model: str, trained: Trained
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


def _noise_floor_db(config: PretrainConfig) -> float:
    manifest = Manifest.load(paths.DATA)
    return max(
        noise_floor_db(float(manifest.entry(name).parameters["shadowing_db"])) for name in config.scenarios
    )


def stage(model: str) -> Stage[PretrainConfig]:
    """The stage for one model."""
    name = f"pretrain-{model}"
    return Stage(
        "pretrain",
        PretrainConfig,
        work_on(model),
        inputs=lambda config: [paths.DATA, paths.overrides(config.from_sweep)],
        outputs=[paths.pretrained(model), paths.metrics(name), paths.history(name)],
        variant=model,
    )


def cli(model: Annotated[str, typer.Option(help="hybrid (Algorithm 1) or prompted.")] = paths.HYBRID) -> None:
    """Pre-train one of the models."""
    main(stage(model))


if __name__ == "__main__":
    typer.run(cli)
