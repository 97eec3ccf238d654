"""Cities by tiles as a stage: every size and goal has a row, and a small city comes close to one process."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.runtime import paths
from pipelines.runtime.stage import Stage
from pipelines.studies.city_tiles import STAGE


@pytest.mark.slow
def test_a_row_for_every_size_and_goal(
    root: Path, workspace: Path, run_stage: Callable[[Stage], str]
) -> None:
    paths.CITIES_PARAMS.parent.mkdir(parents=True)
    paths.CITIES_PARAMS.write_text((root / "dags/cities/profiles/smoke.yaml").read_text())
    assert "over one process" in run_stage(STAGE)
    (row,) = json.loads(paths.metrics("city_tiles").read_text())["rows"]
    assert (row["links"], row["tiles"], row["goal"]) == (800, 4, "sum-rate")
    assert row["rounds"] > 1
    assert row["difference"] > -0.01
    assert row["by_tiles"] == pytest.approx(row["one_process"] * (1 + row["difference"]))
