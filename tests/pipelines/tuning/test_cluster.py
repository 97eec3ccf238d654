"""Laws of a cluster: trials run on several nodes, and the loss of a node costs no trial."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet as pq
import pytest
import yaml
from ray.cluster_utils import Cluster

from pipelines.runtime import paths
from pipelines.runtime.stage import RESUME, Stage
from pipelines.stages.sweep import STAGE
from tests import clusters

Tree = dict[str, Any]
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(root: Path) -> Iterator[Cluster]:
    """A head and two more nodes of one CPU each, joined by this process."""
    with clusters.joined(root, head_cpus=1, workers=2) as made:
        yield made


def trained() -> bool:
    """Whether a trial has ended an epoch."""
    return any(RESUME.glob("sweep/*/tune/trials/**/checkpoint_*"))


def test_trials_run_on_several_nodes_and_outlive_one(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    ratios = [0.2, 0.3, 0.4, 0.5, 0.6]
    params["sweep"]["space"]["mask_ratio"] = ratios
    params["sweep"]["base"] |= {"epochs": 40}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    with clusters.Loss(cluster, "RayTrainWorker", trained) as loss:
        run_stage(STAGE)
    assert loss.lost, "no node was at work on a trial"
    rows = pq.read_table(paths.SWEEP / "trials.parquet").to_pylist()
    assert [row["mask_ratio"] for row in rows] == ratios
    assert [row["error"] for row in rows] == [None] * len(ratios)
    assert [row["epochs"] for row in rows] == [40] * len(ratios)
    runs = mlflow.search_runs(experiment_names=["gfm-ra"], output_format="list")
    nodes = [run.data.tags["node"] for run in runs if "node" in run.data.tags]
    assert len(nodes) == len(ratios)
    assert len(set(nodes)) > 1
