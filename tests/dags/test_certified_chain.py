"""The DAG of the certified test set: its profiles, what it declares, and a run in the smoke profile in a copy."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from benchmarks.certified.reach import GOALS
from dags.certified_params import load_certified
from dags.dependencies import expected, is_source, module_of
from pipelines.runtime.errors import UserError
from tests.clone import copy_repository, run


@pytest.mark.parametrize("name", ["laptop", "smoke"])
def test_every_profile_is_valid_and_names_goals_that_exist(root: Path, name: str) -> None:
    params = load_certified(root / f"dags/certified/profiles/{name}.yaml")
    assert set(params.optima.goals or ()) <= set(GOALS)


@pytest.mark.release
def test_the_laptop_profile_is_the_default(root: Path) -> None:
    folder = root / "dags/certified"
    assert (folder / "params.yaml").read_bytes() == (folder / "profiles/laptop.yaml").read_bytes()


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("optima", "links", [2, 4, 8], "networks needs a number for each of links"),
        ("optima", "links", [2, 20], "from 2 to 12"),
        ("optima", "links", [2, 2], "different"),
        ("optima", "networks", [0, 1], "networks must be positive"),
        ("optima", "goals", ["fame"], r"optima\.goals"),
        ("ratios", "efforts", ["quick"], r"ratios\.efforts"),
        ("ratios", "stars", 1, r"ratios\.stars"),
    ],
)
def test_faults_are_told_in_one_line(
    root: Path, tmp_path: Path, section: str, key: str, value: object, told: str
) -> None:
    content = yaml.safe_load((root / "dags/certified/profiles/smoke.yaml").read_text())
    content[section][key] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=told):
        load_certified(tmp_path / "params.yaml")


def test_the_dag_declares_what_its_stages_use(root: Path) -> None:
    stages = yaml.safe_load((root / "dags/certified/dvc.yaml").read_text())["stages"]
    for name in ("optima", "ratios"):
        module = module_of(stages[name]["cmd"])
        assert module == f"benchmarks.certified.{name}"
        sources = {path for path in stages[name]["deps"] if is_source(path)}
        assert sources == set(expected(module))
        assert {"benchmarks/certified", "gfm_ra/core/exact", "gfm_ra/solvers"} <= sources
    assert "gfm_ra/weights" in stages["ratios"]["deps"]


@pytest.mark.chain
@pytest.mark.slow
def test_the_set_needs_nothing_but_its_own_chain(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "repository", "smoke", "dags/certified")
    run(folder, "dvc", "repro", "dags/certified/dvc.yaml")
    kept = json.loads((folder / "metrics/certified.json").read_text())
    assert set(kept["sha256"]) == {"2", "4"}
    best = kept["ratios"]["sum-rate"]["any-world-4 best"]["all solved"]
    assert best["networks"] == 42
    assert best["worst"] > 0.998
    with np.load(folder / "artifacts/certified/optima.npz") as stored:
        assert (stored["2/sum-rate/gap"] <= 1e-3).all()
        assert (stored["4/qos/upper"] >= stored["4/qos/lower"]).all()
    assert "up to date" in run(folder, "dvc", "status", "dags/certified/dvc.yaml")
