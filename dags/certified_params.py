"""The whole of dags/certified/params.yaml as one typed tree."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from components.config import Strict
from dags.params import parse_as
from pipelines.runtime.stage import read_params

Goal = Literal["sum-rate", "proportional-fair", "alpha-0.5", "alpha-2", "qos", "energy-efficiency"]


class OptimaConfig(Strict):
    """Options of `python -m benchmarks.certified optima` by name; goals that are left out are all."""

    links: tuple[int, ...] = Field(min_length=1)
    networks: tuple[int, ...] = Field(min_length=1)
    goals: tuple[Goal, ...] | None = Field(default=None, min_length=1)
    most_boxes: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> "OptimaConfig":
        if len(self.links) != len(self.networks):
            raise ValueError("networks needs a number for each of links")
        if min(self.links) < 2 or max(self.links) > 12 or len(set(self.links)) < len(self.links):
            raise ValueError("links must be different numbers from 2 to 12")
        if min(self.networks) < 1:
            raise ValueError("networks must be positive")
        return self


class RatiosConfig(Strict):
    """Options of `python -m benchmarks.certified ratios` by name."""

    efforts: tuple[Literal["fast", "balanced", "best"], ...] = Field(min_length=1)


class CertifiedParams(Strict):
    """The whole of dags/certified/params.yaml."""

    optima: OptimaConfig
    ratios: RatiosConfig


def load_certified(path: Path) -> CertifiedParams:
    """Read and check the parameters of the DAG of the certified test set.

    Raises:
        UserError: the file is missing, not YAML, or wrong; one line that names every fault.
    """
    return parse_as(CertifiedParams, read_params(path), path)
