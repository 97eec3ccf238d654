"""The one place that starts or joins a Ray cluster."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import UserError

# Read by Ray when it is imported, so they come first. Usage reports are nobody's business; the default health
# check makes every report of a training worker wait two seconds.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# Tune prints tables of its own unless told to use its older, quieter reporter.
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
# A sweep's state is saved this often (seconds), so that a killed driver loses little.
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "1")

import ray
from ray.exceptions import RaySystemError

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def session(dashboard: bool = False) -> Iterator[None]:
    """Join the cluster at RAY_ADDRESS, or run a local one of this machine's size for the time of the block.

    `dashboard` also starts Ray's dashboard, on loopback: without it nested trainers leave placement groups.

    Inside a running session (a test module, a stage called by another) it is that session.

    Raises:
        UserError: RAY_ADDRESS is set but no cluster answers there.
    """
    if ray.is_initialized():
        yield
        return
    _start(dashboard)
    try:
        yield
    finally:
        ray.shutdown()


def _start(dashboard: bool) -> None:
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        # Workers are separate interpreters: they find this repository by PYTHONPATH, wherever it lies.
        environment = {"env_vars": {"PYTHONPATH": str(ROOT)}}
        cpus = len(os.sched_getaffinity(0))
        ray.init(
            num_cpus=cpus, include_dashboard=dashboard, log_to_driver=False,
            logging_level=logging.ERROR, runtime_env=environment,
        )  # fmt: skip
        return
    layers = [str(ROOT / layer) for layer in ("components", "pipelines")]
    try:
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env={"py_modules": layers})
    except (ConnectionError, RaySystemError, ValueError) as error:
        raise UserError(
            f"no Ray cluster answers at RAY_ADDRESS={address} ({type(error).__name__}): "
            "start one with `ray start --head`, mend the address, or unset RAY_ADDRESS to run locally"
        ) from None


def cpus() -> int:
    """CPUs of the whole cluster."""
    return int(ray.cluster_resources().get("CPU", 0))


def gpus() -> int:
    """GPUs of the whole cluster."""
    return int(ray.cluster_resources().get("GPU", 0))
