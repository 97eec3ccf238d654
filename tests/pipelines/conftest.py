"""What tests of stages share: a working folder of their own, a small world, and a clean end of every process."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
import yaml
from rich.console import Console

from components.data.shards import Manifest, ScenarioEntry
from pipelines.runtime import paths
from pipelines.runtime.stage import Stage, parse_section, run
from pipelines.stages import simulate, solve

Tree = dict[str, Any]
# Two small worlds of different K.
CUSTOM = {
    "near": {"links": 5, "min_distance_m": 2.0, "max_distance_m": 40.0, "area_m": 300.0},
    "far": {"links": 8, "min_distance_m": 5.0, "max_distance_m": 60.0, "area_m": 400.0},
}
PARAMS: Tree = {
    "seed": 1,
    "simulate": {
        "shard_rows": 16,
        "scenarios": {name: {"train": 40, "val": 20, "test": 24} for name in CUSTOM},
        "custom": CUSTOM,
    },
    "solve": {"scenarios": ["near", "far"], "splits": ["test"], "starts": 4, "iterations": 20},
    "pretrain": {
        "models": ["hybrid", "prompted"],
        "common": {
            "scenarios": ["near", "far"],
            "workers": 2,
            "backbone": {"layers": 1, "width": 16, "heads": 4, "bias_width": 8},
            "epochs": 2,
            "batch_size": 8,
            "learning_rate": 1e-3,
            "schedule": {"kind": "cosine", "warmup_steps": 2},
        },
        "prompted": {
            "network": {
                "width": 8,
                "hidden": 8,
                "steps": 2,
                "estimator": {"width": 6, "hidden": 6, "rounds": 1, "rank": 2},
            },
            "epochs": 2,
            "batches": 3,
            "batch_size": 4,
            "last_epochs": 1,
            "last_draws": 2,
            "schedule": {"kind": "cosine", "warmup_steps": 2},
        },
    },
    "register": {"scenarios": ["near", "far"]},
    "sweep": {
        "space": {
            "mask_ratio": [0.3, 0.5],
            "consistency_weight": [0.1],
            "backbone": [{"layers": 1, "width": 16, "heads": 4, "bias_width": 8}],
        },
        "base": {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3},
        "scenarios": ["near"],
        "train_rows": 16,
        "val_rows": 8,
        "few_shot": {
            "scenario": "near", "shots": 16, "val_rows": 16, "reference_starts": 4,
            "recipe": {"warmup_epochs": 1, "epochs": 1, "batch_size": 8, "validate_every": 10},
        },
    },
}  # fmt: skip


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with tables and nothing in them: making one takes seconds, copying it none."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def params() -> Tree:
    """Parameters of a chain that is as small as it can be; a test may change its copy."""
    return deepcopy(PARAMS)


def enter(folder: Path, database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `folder` the working directory of stages that find nothing but their parameters there."""
    shutil.copy(database, folder / "mlflow.db")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")  # as a stage in this process would
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS, sort_keys=False))
    paths.overrides(False).parent.mkdir(parents=True)
    paths.overrides(False).write_text("{}\n")
    return folder


@pytest.fixture
def workspace(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with params.yaml, an empty registry and nothing else."""
    return enter(tmp_path, empty_database, monkeypatch)


@pytest.fixture(scope="module")
def module_workspace(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Path]:
    """The same for the whole module."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield enter(tmp_path_factory.mktemp("workspace"), empty_database, monkeypatch)


def write_data(folder: Path, parameters: Tree) -> None:
    """What stage simulate makes, one shard after the other, without Ray, in the opposite order."""
    config = simulate.SimulateConfig.model_validate(parameters["simulate"])
    planned = list(simulate.plan(config, parameters["seed"]))
    made = {
        job.file: simulate.simulate_shard(folder / job.file, *job.arguments)
        for _, _, job in reversed(planned)
    }
    scenarios = {}
    for name in config.scenarios:
        splits: dict[str, list[Any]] = {}
        for owner, split, job in planned:
            if owner == name:
                splits.setdefault(split, []).append(made[job.file])
        scenarios[name] = ScenarioEntry(
            parameters=simulate.asdict(config.scenario(name)),
            splits={split: tuple(shards) for split, shards in splits.items()},
        )
    Manifest(seed=parameters["seed"], scenarios=scenarios).save(folder)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set of PARAMS; read-only."""
    folder = tmp_path_factory.mktemp("simulated")
    write_data(folder, PARAMS)
    return folder


@pytest.fixture(scope="session")
def solved(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stage solve makes of the data set of PARAMS, one shard after the other; read-only."""
    folder = tmp_path_factory.mktemp("solved")
    config, manifest = parse_section(PARAMS, "solve", solve.SolveConfig), Manifest.load(simulated)
    scenarios: dict[str, ScenarioEntry] = {}
    for name, split, job in solve.plan(config, simulated, manifest, PARAMS["seed"]):
        entry = solve.solve_shard(folder / job.file, *job.arguments)
        before = scenarios[name].splits[split] if name in scenarios else ()
        parameters = manifest.entry(name).parameters
        scenarios[name] = ScenarioEntry(parameters=parameters, splits={split: (*before, entry)})
    Manifest(seed=PARAMS["seed"], scenarios=scenarios).save(folder)
    return folder


@pytest.fixture(scope="session")
def make_data() -> Callable[[Path, Tree], None]:
    return write_data


@pytest.fixture(scope="session")
def run_stage() -> Callable[[Stage], str]:
    """Run a stage in this process and return what it printed."""

    def run_it(stage: Stage) -> str:
        console = Console(file=io.StringIO(), width=150, highlight=False)
        run(stage, console)
        return console.file.getvalue()  # type: ignore[attr-defined]

    return run_it


class Program:
    """A stage as a program of its own, which a test may kill; it and all it started end with the test."""

    def __init__(self, module: str, arguments: Sequence[str], folder: Path, root: Path, cpus: int) -> None:
        command = [sys.executable, "-m", module, *arguments]
        if cpus == 1:
            command = ["taskset", "-c", str(min(os.sched_getaffinity(0))), *command]
        environment = os.environ | {"PYTHONPATH": str(root)}
        self._log = (folder / f"{module}.log").open("w+")
        self.process = psutil.Popen(
            command, cwd=folder, env=environment, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._family: set[psutil.Process] = set()

    def family(self) -> set[psutil.Process]:
        """Everything that it started, also what lost its parent since."""
        if self.process.is_running():
            self._family |= set(self.process.children(recursive=True))
        return self._family

    def output(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def kill(self) -> None:
        """kill -9, and wait until whatever depended on it is gone."""
        family = self.family()
        self.process.kill()
        self.process.wait(30)
        psutil.wait_procs(family, timeout=10)

    def end(self) -> None:
        for process in {self.process, *self.family()}:
            if process.is_running():
                process.kill()
        psutil.wait_procs([self.process, *self._family], timeout=10)
        self._log.close()


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Program]]:
    """Start a stage as a program in the current folder."""
    programs: list[Program] = []

    def start_it(module: str, *arguments: str, cpus: int = 2) -> Program:
        programs.append(Program(module, arguments, Path.cwd(), root, cpus))
        return programs[-1]

    yield start_it
    for program in programs:
        program.end()
