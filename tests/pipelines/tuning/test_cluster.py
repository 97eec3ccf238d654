"""Laws of a cluster: trials run on several nodes, and the loss of a node costs no trial."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet as pq
import pytest
import yaml
from ray._private.state import available_resources_per_node
from ray.cluster_utils import Cluster

from pipelines.runtime import paths
from pipelines.runtime.stage import Stage
from pipelines.stages.sweep import STAGE
from tests import clusters

Tree = dict[str, Any]
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(root: Path) -> Iterator[Cluster]:
    """A head and two more nodes of one CPU each, joined by this process."""
    with clusters.joined(root, head_cpus=1, workers=2) as made:
        yield made


def lose(cluster: Cluster, lost: list[str]) -> None:
    """Kill a node, rudely, as soon as a trial has trained on it for a moment."""
    node = (
        cluster.worker_nodes[-1] if isinstance(cluster.worker_nodes, list) else list(cluster.worker_nodes)[-1]
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if available_resources_per_node().get(node.node_id, {}).get("CPU", 0.0) == 0.0:
            time.sleep(8.0)
            cluster.remove_node(node, allow_graceful=False)
            lost.append(node.node_id)
            return
        time.sleep(0.2)


def test_trials_run_on_several_nodes_and_outlive_one(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    ratios = [0.2, 0.3, 0.4, 0.5, 0.6]
    params["sweep"]["space"]["mask_ratio"] = ratios
    params["sweep"]["base"] |= {"epochs": 40}
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    lost: list[str] = []
    thread = threading.Thread(target=lose, args=(cluster, lost), daemon=True)
    thread.start()
    run_stage(STAGE)
    thread.join(1)
    assert len(lost) == 1
    rows = pq.read_table(paths.SWEEP / "trials.parquet").to_pylist()
    assert [row["mask_ratio"] for row in rows] == ratios
    assert [row["error"] for row in rows] == [None] * len(ratios)
    assert [row["epochs"] for row in rows] == [40] * len(ratios)
    runs = mlflow.search_runs(experiment_names=["gfm-ra"], output_format="list")
    nodes = [run.data.tags["node"] for run in runs if "node" in run.data.tags]
    assert len(nodes) == len(ratios)
    assert len(set(nodes)) > 1
