"""Small data and configurations for `python -m components.training`, and a run of it on a bare machine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from components.channel.scenario import Scenario
from components.channel.simulator import simulate
from components.data.shards import Manifest, ScenarioEntry, write_shard

EPOCHS = 12
CONFIG = {
    "backbone": {"layers": 1, "width": 16, "heads": 4, "bias_width": 8},
    "epochs": EPOCHS,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "schedule": {"kind": "plateau", "patience": 0, "warmup_steps": 3},
}
# One thread per process on this busy machine; Gloo must not look for a network that a sandbox may lack.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
# A machine without this project's services: none of them can be imported.
BARE = """
import runpy, sys

ABSENT = {"ray", "mlflow", "dvc", "typer", "rich", "numba", "onnx", "onnxruntime", "scipy", "pipelines"}
finders = list(sys.meta_path)

class OnlyTheRest:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            return None
        return next((spec for finder in finders if (spec := finder.find_spec(name, path, target))), None)

sys.meta_path[:] = [OnlyTheRest()]
runpy.run_module("components.training", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Training here, in the tests' own process, does not change what other tests run with."""
    before = torch.are_deterministic_algorithms_enabled()
    yield
    assert torch.are_deterministic_algorithms_enabled() == before


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small scenarios for training and one of the paper's for tests."""
    folder, scenarios = tmp_path_factory.mktemp("data"), {}
    for name, links in (("small", 4), ("large", 6), ("D16", 5)):
        scenario = Scenario(name, links, 2.0, 65.0)
        shards = {
            split: (write_shard(folder / f"{name}.{split}.parquet", simulate(scenario, rows, rows), {}),)
            for split, rows in (("train", 20), ("val", 9))
        }
        scenarios[name] = ScenarioEntry(parameters={"links": links}, splits=shards)
    Manifest(seed=0, scenarios=scenarios).save(folder)
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("config"))


def write_config(folder: Path, **changes: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(CONFIG | changes))
    return path


def options(data: Path, out: Path, config: Path) -> list[str]:
    return ["--data", str(data), "--out", str(out), "--config", str(config), "--device", "cpu"]


def run(*command: str, root: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = ENVIRONMENT | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, timeout=300
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(
    data: Path, config: Path, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """An uninterrupted run on a machine that has nothing but the few dependencies."""
    out = tmp_path_factory.mktemp("finished")
    return out, run("-c", BARE, *options(data, out, config), root=root)


Finished = tuple[Path, subprocess.CompletedProcess[str]]
