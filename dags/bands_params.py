"""The whole of dags/bands/params.yaml as one typed tree."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from components.config import Strict
from dags.params import parse_as
from pipelines.runtime.stage import read_params


class BandsConfig(Strict):
    """Options of `python -m benchmarks.bands` by name."""

    worlds: tuple[str, ...] = Field(min_length=1)
    goals: tuple[Literal["sum-rate", "proportional-fair", "qos"], ...] = Field(min_length=1)
    efforts: tuple[Literal["fast", "balanced", "best"], ...] = Field(min_length=1)
    count: int = Field(ge=2)  # networks of each world
    min_rate: float = Field(gt=0)  # bit/s/Hz, of qos
    on_off: bool


class BandsParams(Strict):
    """The whole of dags/bands/params.yaml."""

    bands: BandsConfig


def load_bands(path: Path) -> BandsParams:
    """Read and check the parameters of the DAG of several bands.

    Raises:
        UserError: the file is missing, not YAML, or wrong; one line that names every fault.
    """
    return parse_as(BandsParams, read_params(path), path)
