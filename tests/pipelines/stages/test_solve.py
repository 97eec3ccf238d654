"""Laws of the references: better starts never lose, shards do not matter, faulty data are named."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.data.shards import DataError, Manifest, load_split, write_shard
from components.evaluation.references import read_references
from components.evaluation.scores import score
from gfm_ra.goals import OBJECTIVES
from gfm_ra.units import to_gain
from pipelines.cluster.session import session
from pipelines.runtime import paths
from pipelines.runtime.stage import Stage, main, parse_section
from pipelines.stages.solve import STAGE, SolveConfig, plan, solve_shard

Tree = dict[str, Any]
Powers = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session():
        yield


@pytest.fixture(scope="module")
def solved(
    ray_session: None, module_workspace: Path, simulated: Path, run_stage: Callable[[Stage], str]
) -> Path:
    """A folder in which the stage has run."""
    shutil.copytree(simulated, paths.DATA)
    assert "solve: done in" in run_stage(STAGE)
    return module_workspace


def powers(folder: Path, scenario: str) -> Powers:
    return read_references(folder, Manifest.load(folder).entry(scenario).splits["test"])


def test_every_solver_has_a_power_per_link_of_every_snapshot(solved: Path) -> None:
    expected = {"full-reuse", "fplinq", "wmmse", *(f"best-{name}" for name in OBJECTIVES)}
    for scenario, links in (("near", 5), ("far", 8)):
        found = powers(solved / paths.REFERENCES, scenario)
        assert set(found) == expected
        for power in found.values():
            assert power.shape == (24, links)
            assert power.dtype == np.float32
            assert ((power >= 0) & (power <= 1)).all()
        assert (found["full-reuse"] == 1).all()
        assert set(np.unique(found["fplinq"])) <= {0.0, 1.0}


@pytest.mark.parametrize("scenario", ["near", "far"])
def test_the_best_of_many_starts_is_never_worse_than_one(solved: Path, scenario: str) -> None:
    data = solved / paths.DATA
    gain_db = load_split(data, Manifest.load(data), scenario, "test")
    found = powers(solved / paths.REFERENCES, scenario)
    best, one = (score("sum-rate", found[name], gain_db) for name in ("best-sum-rate", "wmmse"))
    assert (best >= one * (1 - 1e-5)).all()
    assert best.mean() > one.mean()
    for objective in OBJECTIVES:
        own = score(objective, found[f"best-{objective}"], gain_db).mean()
        others = [score(objective, found[name], gain_db).mean() for name in ("full-reuse", "fplinq", "wmmse")]
        assert own > max(others), objective


def test_powers_do_not_depend_on_how_the_data_are_cut(solved: Path, tmp_path: Path, params: Tree) -> None:
    data, uncut = tmp_path / "data", tmp_path / "uncut"
    shutil.copytree(solved / paths.DATA, data)
    config = parse_section(params, "solve", SolveConfig)
    (job,) = [job for name, _, job in plan(config, data, _merged(data), 1) if name == "near"]
    entry = solve_shard(uncut / "near.parquet", *job.arguments)
    expected = powers(solved / paths.REFERENCES, "near")
    for name, power in read_references(uncut, (entry,)).items():
        np.testing.assert_array_equal(power, expected[name], err_msg=name)


def _merged(data: Path) -> Manifest:
    """The manifest of the same snapshots in one shard instead of two."""
    manifest = Manifest.load(data)
    gain = to_gain(load_split(data, manifest, "near", "test"))
    shard = write_shard(data / "near.test.all.parquet", gain, {})
    one = manifest.entry("near").model_copy(update={"splits": {"test": (shard,)}})
    return manifest.model_copy(update={"scenarios": {"near": one, "far": manifest.entry("far")}})


def test_a_damaged_reference_is_named(solved: Path, tmp_path: Path) -> None:
    shutil.copytree(solved / paths.REFERENCES, tmp_path / "references")
    victim = tmp_path / "references/near.test.00001.parquet"
    victim.write_bytes(victim.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"near\.test\.00001\.parquet.*solve stage again"):
        powers(tmp_path / "references", "near")


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(STAGE)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert not paths.REFERENCES.exists()
    return line


def test_a_damaged_shard_found_by_a_worker_is_one_line(
    ray_session: None, workspace: Path, simulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    victim = paths.DATA / "far.test.00001.parquet"
    victim.write_bytes(victim.read_bytes()[:-1])
    line = refusal(capsys)
    assert line.startswith("solve: ")
    assert f"{victim} is damaged" in line
    assert "run the simulate stage again" in line


def test_a_scenario_that_was_not_simulated_is_named_before_any_work(
    workspace: Path, simulated: Path, params: Tree, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    params["solve"]["scenarios"] = ["near", "D7"]
    Path("params.yaml").write_text(yaml.safe_dump(params))
    line = refusal(capsys)
    assert "D7 is not among the simulated ones" in line
    assert "simulate section of params.yaml" in line
