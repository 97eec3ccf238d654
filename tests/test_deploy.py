"""Laws of deploy/: what the manifests say is what Ray reads, and what they run exists."""

import importlib.metadata
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config

Tree = dict[str, Any]
RAY = importlib.metadata.version("ray")
JOB_FIELDS = {
    "entrypoint", "shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "backoffLimit", "runtimeEnvYAML",
    "rayClusterSpec",
}  # fmt: skip
CLUSTER_FIELDS = {"rayVersion", "enableInTreeAutoscaling", "headGroupSpec", "workerGroupSpecs"}


@pytest.fixture
def job(root: Path) -> Tree:
    return yaml.safe_load((root / "deploy/rayjob.yaml").read_text())


@pytest.fixture
def cluster(root: Path) -> Tree:
    return yaml.safe_load((root / "deploy/ray-cluster.yaml").read_text())


def test_the_cluster_is_one_that_rays_autoscaler_takes(cluster: Tree) -> None:
    prepared = prepare_config(cluster)
    validate_config(prepared)
    gpu = prepared["available_node_types"]["gpu"]
    assert (gpu["min_workers"], gpu["max_workers"]) == (0, 8)
    assert prepared["head_node_type"] in prepared["available_node_types"]


def test_the_check_notices_a_mistake(cluster: Tree) -> None:
    cluster["max_worker"] = 3
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config(cluster))


def test_the_job_has_the_fields_of_a_rayjob(job: Tree) -> None:
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", job["metadata"]["name"])
    assert set(job["spec"]) == JOB_FIELDS
    assert set(job["spec"]["rayClusterSpec"]) == CLUSTER_FIELDS
    assert set(yaml.safe_load(job["spec"]["runtimeEnvYAML"])) == {"env_vars"}
    cluster = job["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            assert container["resources"]["requests"] == container["resources"]["limits"]


def test_the_jobs_cluster_is_one_that_kuberays_autoscaler_takes(job: Tree) -> None:
    resource = {"metadata": {"name": "gfm-ra", "namespace": "default"}, "spec": job["spec"]["rayClusterSpec"]}
    derived = _derive_autoscaling_config_from_ray_cr(resource)
    validate_config(derived)
    assert derived["available_node_types"]["gpu"]["resources"]["GPU"] == 1
    assert derived["available_node_types"]["gpu"]["max_workers"] == 8


def test_every_node_runs_the_locked_ray(root: Path, job: Tree) -> None:
    lock = (root / "requirements.lock").read_text()
    assert f"ray=={RAY}" in lock
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == RAY
    assert f"rayproject/ray:{RAY}-py311" in (root / "deploy/Dockerfile").read_text()


def test_what_they_run_exists(root: Path, job: Tree) -> None:
    script = root / "deploy/sweep.sh"
    assert job["spec"]["entrypoint"].endswith("/deploy/sweep.sh")
    assert "deploy/sweep.sh" in (root / "deploy/ray-cluster.yaml").read_text()
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    for word in re.findall(r"dags/[\w/.]+", script.read_text()):
        assert (root / word).exists(), word
