"""Laws of searchers and schedulers: early stopping, mutation through checkpoints, mu evaluated zero-shot."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.cluster.session import session
from pipelines.runtime import paths
from pipelines.runtime.stage import Stage
from pipelines.stages.sweep import STAGE

Tree = dict[str, Any]
RATES = {"low": 1e-4, "high": 1e-2, "log": True}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session(dashboard=True):
        yield


@pytest.fixture
def sweep(
    ray_session: None, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> Callable[..., list[Tree]]:
    """Run a sweep with changes of its section; the rows of its table."""
    shutil.copytree(simulated, paths.DATA)

    def run_it(**changes: Any) -> list[Tree]:
        params["sweep"] |= changes
        Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        run_stage(STAGE)
        return pq.read_table(paths.SWEEP / "trials.parquet").to_pylist()

    return run_it


def curves(name: str) -> list[list[float]]:
    """A metric of every trial, by epoch."""
    client, found = mlflow.MlflowClient(), []
    for run in mlflow.search_runs(experiment_names=["gfm-ra"], output_format="list"):
        if "mlflow.parentRunId" in run.data.tags:
            points = client.get_metric_history(run.info.run_id, name)
            found.append([point.value for point in sorted(points, key=lambda point: point.step)])
    return found


def test_tpe_under_asha_stops_bad_trials_early(sweep: Callable[..., list[Tree]], params: Tree) -> None:
    rows = sweep(
        space={"learning_rate": RATES, "utility_weight": [5.0]},
        search={"kind": "tpe", "trials": 6},
        scheduler={"kind": "asha", "every": 1, "grace": 1, "reduction": 2},
        base=params["sweep"]["base"] | {"epochs": 3},
        rank_by="zero_shot_ratio",
        # Whoever is stopped has no such ratios, and the plots must do without.
        few_shot=params["sweep"]["few_shot"] | {"more_shots": [12], "hidden": [0.3]},
    )
    assert len(rows) == 6
    assert all(row["error"] is None and 0.0 < row["zero_shot_ratio"] < 1.2 for row in rows)
    assert all(1e-4 <= row["learning_rate"] <= 1e-2 for row in rows)
    assert len({row["learning_rate"] for row in rows}) == 6
    assert min(row["epochs"] for row in rows) < max(row["epochs"] for row in rows) == 3
    # Whoever was stopped was no better than the best that had trained as long.
    assert sorted(len(curve) for curve in curves("edge_rmse_db")) == sorted(row["epochs"] for row in rows)


def test_a_population_changes_learning_rates_and_keeps_weights(
    sweep: Callable[..., list[Tree]], params: Tree
) -> None:
    rows = sweep(
        space={"learning_rate": RATES},
        search={"kind": "random", "trials": 3},
        scheduler={"kind": "pbt", "every": 1, "quantile": 0.34},
        base=params["sweep"]["base"] | {"epochs": 4},
    )
    assert [row["error"] for row in rows] == [None] * 3
    assert [row["epochs"] for row in rows] == [4] * 3
    # The plateau schedule leaves rates alone, so a rate that changed within a curve was changed by the population;
    # every curve is whole, since whoever is replaced takes over the other's checkpoint.
    rates = curves("learning_rate")
    assert all(len(curve) == 4 for curve in rates)
    assert any(len({round(rate, 9) for rate in curve}) > 1 for curve in rates)
    assert all(1e-4 <= rate <= 1e-2 for curve in rates for rate in curve)


def test_a_trial_on_two_workers_judges_once(sweep: Callable[..., list[Tree]]) -> None:
    (row,) = sweep(space={"mask_ratio": [0.3]}, workers_per_trial=2)
    assert row["error"] is None
    assert 0.0 < row["few_shot_ratio"] < 1.2
    (curve,) = curves("edge_rmse_db")
    assert len(curve) == row["epochs"]
