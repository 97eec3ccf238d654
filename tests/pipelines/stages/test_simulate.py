"""Laws of simulated data: the same bytes for any number of workers, and no finished shard is made twice."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.data.shards import Manifest, load_split
from pipelines.cluster.session import session
from pipelines.runtime import paths
from pipelines.runtime.stage import RESUME, Stage, main, resume_key
from pipelines.stages.simulate import STAGE, SimulateConfig, plan

Tree = dict[str, Any]


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session():
        yield


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def identities(folder: Path) -> dict[str, tuple[int, int]]:
    """What changes when a file is written again, even with the same bytes."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.parquet")}


def scratch(params: Tree) -> Path:
    config = SimulateConfig.model_validate(params["simulate"])
    return RESUME / "simulate" / resume_key(STAGE, config, params["seed"])


def test_parallel_shards_have_the_bytes_of_serial_ones(
    ray_session: None, workspace: Path, simulated: Path, run_stage: Callable[[Stage], str]
) -> None:
    # `simulated` was made by one process in the opposite order.
    printed = run_stage(STAGE)
    assert contents(paths.DATA) == contents(simulated)
    assert len(contents(paths.DATA)) == 2 * (3 + 2 + 2) + 1
    assert "near" in printed


def test_data_depend_on_the_seed_and_on_nothing_but_their_own_split(
    workspace: Path, simulated: Path, params: Tree, make_data: Callable[[Path, Tree], None]
) -> None:
    before = Manifest.load(simulated).scenarios
    params["simulate"]["scenarios"] = {"far": {"train": 16, "val": 20}}
    make_data(workspace / "fewer", params)
    fewer = Manifest.load(workspace / "fewer").scenarios["far"].splits
    assert fewer["train"] == before["far"].splits["train"][:1]
    assert fewer["val"] == before["far"].splits["val"]
    make_data(workspace / "other", params | {"seed": 2})
    other = Manifest.load(workspace / "other").scenarios["far"].splits
    assert not {shard.sha256 for shard in other["val"]} & {shard.sha256 for shard in fewer["val"]}


def test_no_two_snapshots_are_alike(simulated: Path) -> None:
    manifest = Manifest.load(simulated)
    rows = [
        snapshot.tobytes()
        for split in ("train", "val", "test")
        for snapshot in load_split(simulated, manifest, "near", split)
    ]
    assert len(set(rows)) == len(rows) == 84


def wait_for(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def killed(
    workspace: Path, params: Tree, start: Callable[..., Any]
) -> tuple[Path, Tree, dict[str, tuple[int, int]]]:
    """The scratch folder after kill -9 of a simulation that had finished some of its shards, on one CPU."""
    params["simulate"] |= {"shard_rows": 400, "scenarios": {"D5": {"train": 4800, "val": 400}}, "custom": {}}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    shards = scratch(params) / "shards"
    program = start("pipelines.stages.simulate", cpus=1)
    wait_for(lambda: len(list(shards.glob(".*.receipt"))) >= 3 or not program.process.is_running())
    program.kill()
    finished = {path.name[1 : -len(".receipt")] for path in shards.glob(".*.receipt")}
    assert 3 <= len(finished) < 13, program.output()
    assert not paths.DATA.exists()
    return shards, params, {name: identities(shards)[name] for name in finished}


def test_a_killed_simulation_goes_on_from_its_finished_shards(
    killed: tuple[Path, Tree, dict[str, tuple[int, int]]],
    ray_session: None,
    run_stage: Callable[[Stage], str],
    make_data: Callable[[Path, Tree], None],
) -> None:
    shards, params, finished = killed
    damaged, *kept = sorted(finished)
    with (shards / damaged).open("r+b") as file:  # a receipt alone is no proof
        file.truncate(1000)
    run_stage(STAGE)
    now = identities(paths.DATA)
    assert {name: now[name] for name in kept} == {name: finished[name] for name in kept}
    assert len(now) == 13
    make_data(Path("undisturbed"), params)
    assert contents(paths.DATA) == contents(Path("undisturbed"))


def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing_half_written(
    ray_session: None, workspace: Path, params: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = scratch(params) / "shards"
    shards.mkdir(parents=True)
    _, _, job = list(plan(SimulateConfig.model_validate(params["simulate"]), params["seed"]))[4]
    (shards / f".{job.file}.partial").symlink_to("/dev/full")  # this shard's bytes find no space
    with pytest.raises(SystemExit) as caught:
        main(STAGE)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "simulate: " in line
    assert job.file in line
    assert "no space left" in line
    assert not paths.DATA.exists()
    assert not (shards / job.file).exists()


def test_a_hopeless_scenario_is_one_line(
    ray_session: None, workspace: Path, params: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    crowd = {"links": 60, "min_distance_m": 90.0, "max_distance_m": 100.0, "area_m": 100.0}
    params["simulate"] |= {"scenarios": {"crowd": {"train": 8}}, "custom": {"crowd": crowd}}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    with pytest.raises(SystemExit) as caught:
        main(STAGE)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "'crowd'" in line
    assert "use fewer links" in line
    assert os.listdir("data") == []
