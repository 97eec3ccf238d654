"""What section few_shot says: studies by name, the models that they start from, and how they are trained."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from components.channel.masking import Masked
from components.config import Strict
from components.evaluation.comparison import IMPUTED, PCGNN_NAME, SCRATCH, VARIANT
from components.model.pcgnn.network import PCGNNConfig
from components.training.finetuning import FinetuningConfig
from gfm_ra.goals import OBJECTIVES, StandardName
from pipelines.cluster.session import ROOT
from pipelines.runtime import paths

UNTRAINED = (IMPUTED,)
Share = Annotated[float, Field(ge=0, lt=1)]


class Study(Strict):
    """One comparison: which starting points, goals and sample sizes, and how they are trained."""

    starts: tuple[str, ...] = Field(min_length=1)
    objectives: tuple[StandardName, ...] = OBJECTIVES
    shots: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)  # per scenario; 0 = as it is
    scenarios: tuple[str, ...] = Field(min_length=1)  # trained on together
    test_scenarios: tuple[str, ...] = Field(min_length=1)
    hidden: tuple[Share, ...] = ()  # beside none at all
    hidden_shots: tuple[int, ...] = ()  # the sample sizes that are evaluated with hidden pairs; () = the most
    masked: tuple[Masked, ...] = Field(default=("pairs",), min_length=1)  # what is hidden of them
    recipe: FinetuningConfig = FinetuningConfig()
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    pcgnn: PCGNNConfig = PCGNNConfig()
    seeds: int = Field(default=3, ge=1)

    def arms(self) -> Iterator[tuple[str, str, int]]:
        """Start, objective and shots of every arm."""
        for start in self.starts:
            for objective in self.objectives:
                for shots in self.shots:
                    yield start, objective, shots

    def shares(self, shots: int) -> tuple[tuple[Masked, float], ...]:
        """What is hidden, and how much of it, where an arm is evaluated."""
        if shots not in (self.hidden_shots or (max(self.shots),)):
            return (("pairs", 0.0),)
        return (("pairs", 0.0), *((masked, share) for masked in self.masked for share in self.hidden))

    def trained(self, start: str, shots: int) -> bool:
        """Whether an arm learns anything."""
        return shots > 0 and start not in UNTRAINED

    def recipe_at(self, rate: float, start: str) -> FinetuningConfig:
        """The recipe with a learning rate: of the backbone, and of everything for a network without pre-training."""
        changes = {"backbone_learning_rate": rate} if rate else {}
        if rate and start == PCGNN_NAME:
            changes |= {"head_learning_rate": rate}
        if self.recipe.patience is None:  # nobody looks at validation before the end
            changes |= {"validate_every": 10**6}
        return self.recipe.model_copy(update=changes)


class FewShotStudyConfig(Strict):
    """Studies by name, the models that they start from, and how many snapshots they are evaluated on."""

    models: dict[str, str]  # name -> folder, from the top of the repository
    test_rows: int = Field(ge=1)
    val_rows: int = Field(ge=1)
    refinement_iterations: int = Field(default=5, ge=1)
    imputed_iterations: int = Field(default=100, ge=1)
    studies: dict[str, Study] = Field(min_length=1)
    threads: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"

    @model_validator(mode="after")
    def _starts_are_known(self) -> "FewShotStudyConfig":
        for name, study in self.studies.items():
            for start in study.starts:
                known = start in (PCGNN_NAME, *UNTRAINED, *self.models) or start.startswith(VARIANT)
                if not known and start != SCRATCH:
                    raise ValueError(
                        f"studies.{name}.starts: {start} is none of {', '.join(self.models)}, {PCGNN_NAME}, "
                        f"{SCRATCH}, {', '.join(UNTRAINED)} or {VARIANT}NAME"
                    )
            if any(not study.trained(start, 1) and study.shots != (0,) for start in study.starts):
                raise ValueError(f"studies.{name}.shots: {', '.join(UNTRAINED)} learns nothing: say [0]")
        if paths.HYBRID not in self.models:
            raise ValueError(f"models.{paths.HYBRID} is missing: {SCRATCH} has its architecture")
        return self

    def folder(self, study: str, start: str, number: int) -> Path:
        """Where a starting point lies; for one from scratch, the model whose architecture it has."""
        if start.startswith(VARIANT):
            return paths.ABLATIONS.resolve() / start.removeprefix(VARIANT) / str(number)
        name = start if start in self.models else paths.HYBRID
        if start == SCRATCH and all(
            other == SCRATCH or other.startswith(VARIANT) for other in self.studies[study].starts
        ):
            base = next(other for other in self.studies[study].starts if other != SCRATCH)
            return self.folder(study, base, number)
        return ROOT / self.models[name]
