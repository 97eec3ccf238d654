"""The DAG of the cities: its profiles, what it declares, and its stage in a small city."""

from pathlib import Path

import pytest
import yaml

from dags.dependencies import differences
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import read_params
from pipelines.studies.city_tiles import STAGE


@pytest.mark.parametrize("name", ["laptop", "smoke"])
def test_every_profile_is_valid(root: Path, name: str) -> None:
    STAGE.parse(read_params(root / f"dags/cities/profiles/{name}.yaml"))


@pytest.mark.release
def test_the_laptop_profile_is_the_default(root: Path) -> None:
    folder = root / "dags/cities"
    assert (folder / "params.yaml").read_bytes() == (folder / "profiles/laptop.yaml").read_bytes()


@pytest.mark.parametrize(
    ("key", "value"), [("links", []), ("links", [0]), ("tile_links", 0), ("goals", ["fame"]), ("stars", 1)]
)
def test_faults_are_told_in_one_line(root: Path, key: str, value: object) -> None:
    params = read_params(root / "dags/cities/profiles/smoke.yaml")
    params["city_tiles"][key] = value  # type: ignore[index]
    with pytest.raises(UserError, match=rf"city_tiles\.{key}"):
        STAGE.parse(params)


def test_the_dag_declares_what_its_stage_uses(root: Path) -> None:
    assert differences(root / "dags/cities/dvc.yaml") == {}
    (stage,) = yaml.safe_load((root / "dags/cities/dvc.yaml").read_text())["stages"].values()
    assert {"pipelines/tiles", "gfm_ra/weights"} <= set(stage["deps"])
    assert [next(iter(out)) for out in stage["outs"]] == [str(path) for path in STAGE.outputs]
    assert stage["params"] == [{str(STAGE.params): ["seed", STAGE.name]}]
