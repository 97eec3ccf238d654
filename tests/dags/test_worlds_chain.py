"""The DAG of the test worlds: its profiles, what it declares, and a run in the smoke profile in a copy of its own."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.worlds.run import GOALS
from benchmarks.worlds.table import WORLDS
from dags.dependencies import expected, is_source, module_of
from dags.worlds_params import load_worlds
from pipelines.runtime.errors import UserError
from pipelines.studies.train_peers import stage
from tests.clone import copy_repository, run

PROFILES = ("laptop", "smoke")


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_valid_and_names_worlds_that_exist(root: Path, name: str) -> None:
    params = load_worlds(root / f"dags/worlds/profiles/{name}.yaml")
    assert set(params.worlds.worlds or ()) <= set(WORLDS)
    assert set(params.worlds.goals or ()) <= set(GOALS)


@pytest.mark.release
def test_the_laptop_profile_is_the_default(root: Path) -> None:
    folder = root / "dags/worlds"
    assert (folder / "params.yaml").read_bytes() == (folder / "profiles/laptop.yaml").read_bytes()


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("worlds", "efforts", ["quick"], "worlds.efforts"),
        ("worlds", "count", 0, "worlds.count"),
        ("worlds", "stars", 1, "worlds.stars"),
        ("train_peers", "peers", {}, "train_peers.peers"),
        ("train_peers", "runs", [1, 1], "runs must be different whole numbers"),
        ("worlds", "runs", [0, 1], r"worlds\.runs must be the same as train_peers\.runs"),
    ],
)
def test_faults_are_told_in_one_line(
    root: Path, tmp_path: Path, section: str, key: str, value: object, told: str
) -> None:
    content = yaml.safe_load((root / "dags/worlds/profiles/smoke.yaml").read_text())
    content[section][key] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=told):
        load_worlds(tmp_path / "params.yaml")


def test_a_peer_that_is_missing_is_told(root: Path, tmp_path: Path) -> None:
    content = yaml.safe_load((root / "dags/worlds/profiles/smoke.yaml").read_text())
    del content["train_peers"]["peers"]["pcgnn"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"train_peers\.peers has no pcgnn"):
        load_worlds(tmp_path / "params.yaml")


def test_the_dag_declares_what_its_stages_use(root: Path) -> None:
    stages = yaml.safe_load((root / "dags/worlds/dvc.yaml").read_text())["stages"]
    params = yaml.safe_load((root / "dags/worlds/profiles/laptop.yaml").read_text())
    assert set(params) - {"seed"} == set(stages) - {"check"}
    (valid,) = stages["check"]["outs"]
    assert all(valid in stages[name]["deps"] for name in ("train_peers", "worlds"))
    train = stages["train_peers"]
    assert train["matrix"]["peer"] == list(params["train_peers"]["peers"])
    (out,) = train["outs"]
    filled = out.replace("${item.peer}", "pcgnn").replace("${item.run}", "2")
    assert [filled] == [str(path) for path in stage("pcgnn", 2).outputs]
    assert module_of(stages["worlds"]["cmd"]) == "benchmarks.worlds.__main__"
    sources = {path for path in stages["worlds"]["deps"] if is_source(path)}
    assert sources == set(expected("benchmarks.worlds.__main__"))
    # What the command imports lazily and the weights that it reads.
    assert {"benchmarks/worlds", "gfm_ra/weights", "gfm_ra/core/network", "components/model"} <= sources


@pytest.mark.chain
@pytest.mark.slow
def test_the_suite_needs_nothing_but_its_own_chain(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "repository", "smoke", "dags/worlds")
    run(folder, "dvc", "repro", "dags/worlds/dvc.yaml")
    kept = json.loads((folder / "metrics/worlds.json").read_text())
    assert kept["networks"] == 4
    assert {row["world"] for row in kept["rows"]} == {"ring", "log-normal"}
    methods = {row["method"] for row in kept["rows"]}
    assert {"PCGNN, run 0", "unfolded WMMSE, run 0", "WMMSE, 1 start"} < methods
    assert (folder / "artifacts/worlds.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "up to date" in run(folder, "dvc", "status", "dags/worlds/dvc.yaml")
    lock = (folder / "dags/worlds/dvc.lock").read_bytes()
    assert "up to date" in run(folder, "dvc", "repro", "dags/worlds/dvc.yaml")
    assert (folder / "dags/worlds/dvc.lock").read_bytes() == lock
