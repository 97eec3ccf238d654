"""What a sweep varies, how it looks for good values, and when it stops or changes a trial."""

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator
from ray import tune

from components.channel.rng import stream
from components.config import Strict
from components.model.backbone import BackboneConfig

Choice = dict[str, Any]  # overrides of the pre-training parameters
# What population-based training may change while the weights stay; the rest decides which weights there are.
MUTABLE = ("mask_ratio", "consistency_weight", "learning_rate")


class Range(Strict):
    """Everything between two numbers, evenly or evenly in the logarithm."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> "Range":
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"low {self.low} and high {self.high}: low must be below high, above 0 if log")
        return self

    def draw(self, generator: np.random.Generator) -> float:
        """One value."""
        if not self.log:
            return float(generator.uniform(self.low, self.high))
        return float(math.exp(generator.uniform(math.log(self.low), math.log(self.high))))

    def domain(self) -> Any:  # noqa: ANN401 (Tune's domains share no public type)
        """The same for Ray Tune."""
        return tune.loguniform(self.low, self.high) if self.log else tune.uniform(self.low, self.high)


Values = tuple[float, ...] | Range


class Space(Strict):
    """The values of every varied parameter: a list, or a range that grids cannot cross; what is left out stays put."""

    mask_ratio: Values | None = None  # rho
    consistency_weight: Values | None = None  # lambda
    utility_weight: Values | None = None  # mu; above 0 the backbone is goal-conditioned
    learning_rate: Values | None = None
    backbone: tuple[BackboneConfig, ...] | None = Field(default=None, min_length=1)  # L, d, heads

    @model_validator(mode="after")
    def _varies_something(self) -> "Space":
        if not self.varied() or any(values == () for values in self.varied().values()):
            raise ValueError("needs at least one parameter with at least one value")
        return self

    def varied(self) -> dict[str, Any]:
        """Parameter -> its values (backbones as plain mappings) or its range."""
        found = {}
        for name in type(self).model_fields:
            values = getattr(self, name)
            if name == "backbone" and values is not None:
                values = tuple(backbone.model_dump(mode="json") for backbone in values)
            if values is not None:
                found[name] = values
        return found

    def grid(self) -> list[Choice]:
        """Every combination; of a range both ends, so that they can be checked."""
        ends = {
            name: (values.low, values.high) if isinstance(values, Range) else values
            for name, values in self.varied().items()
        }
        return [dict(zip(ends, point, strict=True)) for point in itertools.product(*ends.values())]

    def draw(self, trials: int, seed: int) -> list[Choice]:
        """Independent random combinations."""
        choices = []
        for number in range(trials):
            generator = stream(seed, "sweep", "random", number)
            choice = {}
            for name, values in self.varied().items():
                drawn = isinstance(values, Range)
                choice[name] = (
                    values.draw(generator) if drawn else values[int(generator.integers(len(values)))]
                )
            choices.append(choice)
        return choices

    def domains(self) -> dict[str, Any]:
        """For a searcher: Ray Tune's domains; backbones as JSON, since searchers like plain values."""
        found = {}
        for name, values in self.varied().items():
            if isinstance(values, Range):
                found[name] = values.domain()
            else:
                plain = [json.dumps(value) if isinstance(value, dict) else value for value in values]
                found[name] = tune.choice(plain)
        return found

    def mutations(self) -> dict[str, Any]:
        """What population-based training may change."""
        return {
            name: values.domain() if isinstance(values, Range) else list(values)
            for name, values in self.varied().items()
            if name in MUTABLE
        }


def decoded(choice: Mapping[str, Any]) -> Choice:
    """A choice as parameters, whatever a searcher has made of it."""
    backbone = choice.get("backbone")
    return {**choice, "backbone": json.loads(backbone)} if isinstance(backbone, str) else dict(choice)


class Search(Strict):
    """How the space is searched."""

    kind: Literal["grid", "random", "tpe"] = "grid"
    trials: int = Field(default=16, ge=1)  # of random and tpe


class Scheduler(Strict):
    """What becomes of a trial while it trains; it is evaluated every `every` epochs unless the kind is fifo."""

    kind: Literal["fifo", "asha", "pbt"] = "fifo"
    every: int = Field(default=1, ge=1)
    grace: int = Field(default=1, ge=1)  # epochs that asha gives every trial
    reduction: int = Field(default=3, ge=2)  # asha keeps one in so many
    quantile: float = Field(default=0.25, gt=0, le=0.5)  # pbt replaces so many by as many of the best
