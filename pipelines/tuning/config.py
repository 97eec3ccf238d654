"""The sweep's section of a parameter file."""

import json
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from components.config import Strict
from components.evaluation.few_shot import FEW_SHOT, ZERO_SHOT, FewShotConfig
from components.training.config import PretrainingConfig
from pipelines.runtime.errors import describe_validation
from pipelines.tuning.space import MUTABLE, Choice, Range, Scheduler, Search, Space, decoded


class SweepConfig(Strict):
    """What varies, what every trial shares, the downstream evaluation, and how trials are spread over a cluster."""

    space: Space
    search: Search = Search()
    scheduler: Scheduler = Scheduler()
    base: PretrainingConfig
    scenarios: tuple[str, ...] = Field(min_length=1)
    train_rows: int = Field(ge=1)
    val_rows: int = Field(ge=1)
    few_shot: FewShotConfig = FewShotConfig()
    rank_by: Literal["few_shot_ratio", "zero_shot_ratio"] = FEW_SHOT
    workers_per_trial: int = Field(default=1, ge=1)
    threads_per_worker: int = Field(default=1, ge=1)
    accelerator: Literal["cpu", "gpu"] = "cpu"
    # How many train at a time; None = as many as fit now. A cluster that grows on demand needs a number.
    concurrent_trials: int | None = Field(default=None, ge=1)
    # Where trials keep state and checkpoints: None = beside the other unfinished work; an object store
    # (s3://bucket/path) works too. The data lie on a path that all nodes see either way.
    storage: str | None = None

    @model_validator(mode="after")
    def _every_trial_is_valid(self) -> "SweepConfig":
        for choice in self.space.grid():
            try:
                trial = self.trial(choice)
            except ValidationError as error:
                raise ValueError(describe_validation(error, "space")) from None
            if self.rank_by == ZERO_SHOT and not trial.goal_conditioned:
                raise ValueError("rank_by zero_shot_ratio needs utility_weight above 0 in every trial")
        self._check_search()
        return self

    def _check_search(self) -> None:
        varied = self.space.varied()
        ranges = [name for name, values in varied.items() if isinstance(values, Range)]
        if self.search.kind == "grid" and ranges:
            raise ValueError(f"space.{ranges[0]} is a range: a grid needs a list of values")
        if self.scheduler.kind != "pbt":
            return
        if self.search.kind == "tpe":
            raise ValueError("scheduler pbt starts from a grid or from random choices, not from tpe")
        if not set(MUTABLE) & set(varied):
            raise ValueError(f"scheduler pbt needs one of {', '.join(MUTABLE)} in space")
        weights = varied.get("consistency_weight", (1.0,))
        low = weights.low if isinstance(weights, Range) else min(weights)
        if low == 0.0 and weights != (0.0,):
            # A weight of 0 trains fewer parameters, whose optimizer state fits no other trial.
            raise ValueError("scheduler pbt cannot change consistency_weight from or to 0: leave 0 out")

    def choices(self, seed: int) -> list[Choice] | None:
        """What every trial starts with, or None if a searcher decides from trial to trial."""
        if self.search.kind == "grid":
            return self.space.grid()
        return self.space.draw(self.search.trials, seed) if self.search.kind == "random" else None

    def trials(self) -> int:
        """How many trials there will be."""
        return len(self.space.grid()) if self.search.kind == "grid" else self.search.trials

    def trial(self, choice: dict[str, Any]) -> PretrainingConfig:
        """The pre-training parameters of one trial.

        Raises:
            ValidationError: they do not go together.
        """
        merged = self.base.model_dump(mode="json") | decoded(choice)
        return PretrainingConfig.model_validate_json(json.dumps(merged))

    def segments(self) -> list[int]:
        """Epochs after which a trial is evaluated, the last one included."""
        if self.scheduler.kind == "fifo":
            return [self.base.epochs]
        return [*range(self.scheduler.every, self.base.epochs, self.scheduler.every), self.base.epochs]
