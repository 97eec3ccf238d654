"""The DAG of several bands: its profiles, what it declares, and a run in the smoke profile in a copy."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.worlds.families.ofdma import WORLDS
from dags.bands_params import load_bands
from dags.dependencies import expected, is_source, module_of
from pipelines.runtime.errors import UserError
from tests.clone import copy_repository, run


@pytest.mark.parametrize("name", ["laptop", "smoke"])
def test_every_profile_is_valid_and_names_worlds_that_exist(root: Path, name: str) -> None:
    params = load_bands(root / f"dags/bands/profiles/{name}.yaml")
    assert set(params.bands.worlds) <= set(WORLDS)


@pytest.mark.release
def test_the_laptop_profile_is_the_default(root: Path) -> None:
    folder = root / "dags/bands"
    assert (folder / "params.yaml").read_bytes() == (folder / "profiles/laptop.yaml").read_bytes()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("count", 1, r"bands\.count"),
        ("goals", ["fame"], r"bands\.goals"),
        ("efforts", ["quick"], r"bands\.efforts"),
        ("min_rate", 0, r"bands\.min_rate"),
        ("stars", 1, r"bands\.stars"),
    ],
)
def test_faults_are_told_in_one_line(root: Path, tmp_path: Path, key: str, value: object, told: str) -> None:
    content = yaml.safe_load((root / "dags/bands/profiles/smoke.yaml").read_text())
    content["bands"][key] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=told):
        load_bands(tmp_path / "params.yaml")


def test_the_dag_declares_what_its_stages_use(root: Path) -> None:
    stage = yaml.safe_load((root / "dags/bands/dvc.yaml").read_text())["stages"]["bands"]
    module = module_of(stage["cmd"])
    assert module == "benchmarks.bands.__main__"
    sources = {path for path in stage["deps"] if is_source(path)}
    assert sources == set(expected(module))
    assert {
        "benchmarks/bands",
        "gfm_ra/core/bands",
        "gfm_ra/inference",
        "gfm_ra/solvers",
        "gfm_ra/weights",
    } <= sources


@pytest.mark.chain
@pytest.mark.slow
def test_the_figures_need_nothing_but_their_own_chain(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "repository", "smoke", "dags/bands")
    run(folder, "dvc", "repro", "dags/bands/dvc.yaml")
    kept = json.loads((folder / "metrics/bands.json").read_text())
    rows = {row["method"]: row for row in kept["worlds"]["ofdma-umi-downlink-20x4"]["sum-rate"]}
    assert rows["fast"]["ratio"] > 0.95
    assert "up to date" in run(folder, "dvc", "status", "dags/bands/dvc.yaml")
