"""Ray's autoscaler takes the cluster and the job, their heads compute nothing, and what they run exists."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.test_locks import RUN_TIME, versions

Tree = dict[str, Any]
SCRIPT = "/opt/gfm-ra/deploy/sweep.sh"


@pytest.fixture
def job(manifests: Path) -> Tree:
    return yaml.safe_load((manifests / "rayjob.yaml").read_text())


@pytest.fixture
def cluster(manifests: Path) -> Tree:
    return yaml.safe_load((manifests / "ray-cluster.yaml").read_text())


def test_the_cluster_is_one_that_rays_autoscaler_takes(cluster: Tree) -> None:
    prepared = prepare_config(cluster)
    validate_config(prepared)
    gpu = prepared["available_node_types"]["gpu"]
    assert (gpu["min_workers"], gpu["max_workers"]) == (0, 8)
    assert prepared["head_node_type"] in prepared["available_node_types"]
    workers = sum(kind["max_workers"] for kind in prepared["available_node_types"].values())
    assert prepared["max_workers"] == workers


def test_the_check_notices_a_mistake(cluster: Tree) -> None:
    cluster["max_worker"] = 3
    with pytest.raises(Exception, match="max_worker"):
        validate_config(prepare_config(cluster))


def test_the_jobs_cluster_is_one_that_kuberays_autoscaler_takes(job: Tree) -> None:
    resource = {"metadata": {"name": "gfm-ra", "namespace": "default"}, "spec": job["spec"]["rayClusterSpec"]}
    derived = _derive_autoscaling_config_from_ray_cr(resource)
    validate_config(derived)
    kinds = derived["available_node_types"]
    assert kinds["gpu"]["resources"]["GPU"] == 1
    assert kinds["gpu"]["max_workers"] == 8
    # Tasks without a GPU find a node without one.
    assert "GPU" not in kinds["cpu"]["resources"]
    assert kinds["cpu"]["max_workers"] > 0
    assert kinds[derived["head_node_type"]]["resources"]["CPU"] == 0


def test_no_task_lands_on_the_head(cluster: Tree) -> None:
    assert cluster["available_node_types"][cluster["head_node_type"]]["resources"] == {"CPU": 0}
    (start,) = [line for line in cluster["head_start_ray_commands"] if "--head" in line]
    assert "--num-cpus=0" in start


def test_every_node_runs_the_locked_ray(root: Path, job: Tree) -> None:
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == versions(root / RUN_TIME)["ray"]


def test_the_image_has_the_script_that_they_run(root: Path, job: Tree) -> None:
    assert job["spec"]["entrypoint"] == f"bash {SCRIPT}"
    assert SCRIPT in (root / "deploy/ray-cluster.yaml").read_text()
    assert "COPY --chown=ray . /opt/gfm-ra\n" in (root / "deploy/Dockerfile").read_text()
    assert os.access(root / "deploy/sweep.sh", os.X_OK)


@pytest.fixture
def stand_in(tmp_path: Path, root: Path) -> Path:
    """A stand-in for the image: the script in its repository, and programs that write down how they are called."""
    folder = tmp_path / "image"
    (folder / "deploy").mkdir(parents=True)
    (folder / "params.yaml").write_text("seed: 1\n")
    (folder / "deploy/sweep.sh").write_text((root / "deploy/sweep.sh").read_text())
    for name in ("python", "dvc"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$PWD {name} $*" >> "{tmp_path}/calls"\n')
        program.chmod(0o755)
    return folder


def sweep(stand_in: Path, home: Path) -> list[str]:
    """Run the script with a working copy at `home`: the calls that it made."""
    path = f"{stand_in.parent / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
    given = {"PATH": path, "GFM_RA": str(home), "PROFILE": "paper"}
    subprocess.run(["bash", str(stand_in / "deploy/sweep.sh")], env=given, check=True)
    calls = stand_in.parent / "calls"
    found = calls.read_text().splitlines()
    calls.unlink()
    return found


def test_the_sweep_makes_its_working_copy_once_and_keeps_it(
    stand_in: Path, tmp_path: Path, root: Path
) -> None:
    home = tmp_path / "shared/gfm-ra"
    home.parent.mkdir()
    expected = [f"{home} python -m dags.profile paper dags/sweep", f"{home} dvc repro dags/sweep/dvc.yaml"]
    assert sweep(stand_in, home) == expected
    assert (home / "params.yaml").read_text() == "seed: 1\n"
    (home / "params.yaml").write_text("seed: 2\n")
    assert sweep(stand_in, home) == expected
    assert (home / "params.yaml").read_text() == "seed: 2\n"
    assert [path.name for path in home.parent.iterdir()] == ["gfm-ra"]
    assert (root / "dags/sweep/dvc.yaml").is_file()
