"""A cluster of three worker nodes that loses one in every stage: the same outputs as if nothing had happened."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ray._private.state import available_resources_per_node
from ray.cluster_utils import Cluster

from components.training.checkpoint import load_tensors
from gfm_ra.goals import OBJECTIVES
from pipelines.runtime import paths
from pipelines.runtime.stage import Stage
from pipelines.stages import evaluate, finetune, pretrain, simulate, solve
from tests import clusters

Tree = dict[str, Any]
RECIPE = {"warmup_epochs": 1, "epochs": 1, "batch_size": 8}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(root: Path) -> Iterator[Cluster]:
    """A head without CPUs and three workers of one CPU each, joined by this process."""
    with clusters.joined(root, head_cpus=0, workers=3) as made:
        yield made


class Loss:
    """Kills a worker node, rudely, a moment after it has been given work; then a new one comes."""

    def __init__(self, cluster: Cluster, after_s: float) -> None:
        self.cluster, self.after_s, self.lost = cluster, after_s, ""
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._wait_and_kill, daemon=True)

    def __enter__(self) -> "Loss":
        self.thread.start()
        return self

    def _wait_and_kill(self) -> None:
        while not self.done.is_set():
            free = available_resources_per_node()
            for node in list(self.cluster.worker_nodes):
                if node.node_id in free and free[node.node_id].get("CPU", 0.0) == 0.0:
                    if not self.done.wait(self.after_s):
                        self.cluster.remove_node(node, allow_graceful=False)
                        self.lost = node.node_id
                    return
            time.sleep(0.02)

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join(30)
        if self.lost:
            self.cluster.add_node(num_cpus=1)
            self.cluster.wait_for_nodes()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def twice(
    stage: Stage, output: Path, cluster: Cluster, run_stage: Callable[[Stage], str], after_s: float
) -> None:
    """Run undisturbed, then again with a loss; every byte must be the same."""
    run_stage(stage)
    undisturbed = contents(output)
    shutil.rmtree(output)
    with Loss(cluster, after_s) as loss:
        run_stage(stage)
    assert loss.lost, "the stage was over before a node could be lost"
    assert contents(output) == undisturbed


def write(params: Tree) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def test_simulate(cluster: Cluster, workspace: Path, params: Tree, run_stage: Callable[[Stage], str]) -> None:
    params["simulate"] |= {"shard_rows": 500, "scenarios": {"D5": {"train": 6000}}, "custom": {}}
    write(params)
    twice(simulate.STAGE, paths.DATA, cluster, run_stage, 0.5)


def test_solve(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    params["solve"] |= {"splits": ["train", "val", "test"], "starts": 2000, "iterations": 2000}
    write(params)
    twice(solve.STAGE, paths.REFERENCES, cluster, run_stage, 1.0)


def test_pretrain(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    params["pretrain"] |= {"epochs": 60}
    write(params)
    stage = pretrain.stage("hybrid")
    output = paths.pretrained("hybrid") / "backbone.safetensors"
    run_stage(stage)
    undisturbed = load_tensors(output)
    shutil.rmtree(output.parent)
    with Loss(cluster, 8.0) as loss:
        run_stage(stage)
    assert loss.lost
    for name, tensor in load_tensors(output).items():
        assert np.allclose(tensor.numpy(), undisturbed[name].numpy(), rtol=1e-4, atol=1e-5), name


def test_evaluate(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    tree = deepcopy(params)
    tree["pretrain"] |= {"epochs": 1}
    tree["finetune"] = {
        "objectives": list(OBJECTIVES),
        "scenarios": ["near"],
        "shots": 8,
        "threads": 1,
    } | RECIPE
    tree["evaluate"] = {"scenarios": ["near", "far"], "resamples": 200000}
    write(tree)
    run_stage(solve.STAGE)
    for model in ("hybrid", "prompted"):
        run_stage(pretrain.stage(model))
    for objective in OBJECTIVES:
        run_stage(finetune.stage(objective))
    twice(evaluate.STAGE, paths.EVALUATION, cluster, run_stage, 1.0)
