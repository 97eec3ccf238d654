"""A cluster of three worker nodes that loses one in every stage: the same outputs as if nothing had happened."""

import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from ray.cluster_utils import Cluster

from components.training.checkpoint import load_tensors
from gfm_ra.goals import OBJECTIVES
from pipelines.runtime import paths
from pipelines.runtime.stage import RESUME, Stage
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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def made(stage: str, pattern: str) -> Callable[[], bool]:
    """Whether an unfinished run of this stage has left such a file already."""
    return lambda: any(RESUME.glob(f"{stage}/*/{pattern}"))


def twice(stage: Stage, output: Path, run_stage: Callable[[Stage], str], loss: clusters.Loss) -> None:
    """Run undisturbed, then again with a loss; every byte must be the same."""
    run_stage(stage)
    undisturbed = contents(output)
    shutil.rmtree(output)
    with loss:
        run_stage(stage)
    assert loss.lost, "no node was at work on the stage"
    assert contents(output) == undisturbed


def write(params: Tree) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def test_simulate(cluster: Cluster, workspace: Path, params: Tree, run_stage: Callable[[Stage], str]) -> None:
    params["simulate"] |= {"shard_rows": 500, "scenarios": {"D5": {"train": 6000}}, "custom": {}}
    write(params)
    loss = clusters.Loss(cluster, "_make", made("simulate", "**/.*.receipt"))
    twice(simulate.STAGE, paths.DATA, run_stage, loss)


def test_solve(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    params["solve"] |= {"splits": ["train", "val", "test"], "starts": 2000, "iterations": 2000}
    write(params)
    loss = clusters.Loss(cluster, "_make", made("solve", "**/.*.receipt"))
    twice(solve.STAGE, paths.REFERENCES, run_stage, loss)


def test_pretrain(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    params["pretrain"]["common"] |= {"epochs": 60}
    write(params)
    stage = pretrain.stage("hybrid")
    output = paths.pretrained("hybrid") / "backbone.safetensors"
    run_stage(stage)
    undisturbed = load_tensors(output)
    shutil.rmtree(output.parent)
    with clusters.Loss(cluster, "RayTrainWorker", made("pretrain", "ray/pretrain/checkpoint_*")) as loss:
        run_stage(stage)
    assert loss.lost
    for name, tensor in load_tensors(output).items():
        assert np.allclose(tensor.numpy(), undisturbed[name].numpy(), rtol=1e-4, atol=1e-5), name


def test_evaluate(
    cluster: Cluster, workspace: Path, simulated: Path, params: Tree, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    tree = deepcopy(params)
    tree["pretrain"]["common"] |= {"epochs": 1}
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
    twice(evaluate.STAGE, paths.EVALUATION, run_stage, clusters.Loss(cluster, "evaluate_task"))
