"""The whole of dags/worlds/params.yaml as one typed tree."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from components.config import Strict
from components.evaluation.peers import TITLES
from dags.params import parse_as
from pipelines.runtime.stage import read_params
from pipelines.studies.train_peers import TrainPeersConfig


class WorldsConfig(Strict):
    """Options of `python -m benchmarks.worlds` by name; a list that is left out means all."""

    count: int = Field(ge=1)
    runs: tuple[int, ...] = Field(min_length=1)  # of the peers
    efforts: tuple[Literal["fast", "balanced", "best"], ...] = Field(min_length=1)
    worlds: tuple[str, ...] | None = Field(default=None, min_length=1)
    goals: tuple[Literal["sum-rate", "proportional-fair", "alpha-0.5", "alpha-2", "qos"], ...] | None = Field(
        default=None, min_length=1
    )


class WorldsParams(Strict):
    """The whole of dags/worlds/params.yaml."""

    seed: int = Field(ge=0)
    train_peers: TrainPeersConfig
    worlds: WorldsConfig

    @model_validator(mode="after")
    def _has_all_peers(self) -> "WorldsParams":
        if missing := set(TITLES) - set(self.train_peers.peers):
            raise ValueError(f"train_peers.peers has no {sorted(missing)[0]}, which the suite measures")
        if self.worlds.runs != self.train_peers.runs:
            raise ValueError("worlds.runs must be the same as train_peers.runs")
        return self


def load_worlds(path: Path) -> WorldsParams:
    """Read and check the parameters of the DAG of the test worlds.

    Raises:
        UserError: the file is missing, not YAML, or wrong; one line that names every fault.
    """
    return parse_as(WorldsParams, read_params(path), path)
