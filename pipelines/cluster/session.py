"""The one place that starts or joins a Ray cluster."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.exceptions import AuthenticationError, RaySystemError

from gfm_ra.processors import cores
from pipelines.cluster.authentication import check_token, give_token
from pipelines.runtime.errors import UserError
from pipelines.runtime.ports import check_grpc, check_listening

ROOT = Path(__file__).resolve().parents[2]
# Ray runs our code in a thread, whose heap glibc returns to the system piece by piece: a training step then spends a
# tenth of its time on taking the same pages again. One heap that keeps what it has taken costs nothing else.
KEEP_MEMORY = {
    "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(2**28), "MALLOC_TRIM_THRESHOLD_": str(2**31),
}  # fmt: skip


@contextmanager
def session(dashboard: bool = False, local: bool = False) -> Iterator[None]:
    """Join the cluster at RAY_ADDRESS, or run a local one of this machine's size for the time of the block.

    `local` runs a local one whatever RAY_ADDRESS says. `dashboard` also starts Ray's dashboard, on loopback: without it
    nested trainers leave placement groups.

    Inside a running session (a test module, a stage called by another) it is that session.

    Raises:
        UserError: RAY_ADDRESS is set but no cluster answers there, or one of another version, or only one side has a
            token.
    """
    if ray.is_initialized():
        yield
        return
    _start(dashboard, local)
    try:
        yield
    finally:
        ray.shutdown()


def _start(dashboard: bool, local: bool) -> None:
    address = None if local else os.environ.get("RAY_ADDRESS")
    if not address:
        # Workers are separate interpreters: they find this repository by PYTHONPATH, wherever it lies.
        environment = {"env_vars": {"PYTHONPATH": str(ROOT)} | KEEP_MEMORY}
        give_token()
        ray.init(
            address="local", num_cpus=cores(), include_dashboard=dashboard, log_to_driver=False,
            logging_level=logging.ERROR, runtime_env=environment,
        )  # fmt: skip
        return
    _probe(address)
    layers = [str(ROOT / layer) for layer in ("gfm_ra", "components", "pipelines")]
    try:
        environment = {"py_modules": layers, "env_vars": KEEP_MEMORY}
        ray.init(log_to_driver=False, logging_level=logging.ERROR, runtime_env=environment)
    except (ConnectionError, RaySystemError, ValueError) as error:
        raise UserError(
            f"no Ray cluster answers at RAY_ADDRESS={address} ({type(error).__name__}): "
            "start one with `ray start --head`, mend the address, unset RAY_ADDRESS to run locally, or, if it asks "
            "for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        ) from None
    except AuthenticationError as error:  # where the address did not say whom to ask before
        raise UserError(
            f"the Ray cluster at RAY_ADDRESS={address} cannot be joined ({' '.join(error.message.split())}): set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to the cluster's, or RAY_AUTH_MODE=disabled if it asks for none"
        ) from None
    except RuntimeError as error:  # of another version: Ray's message names both, over several lines
        raise UserError(
            f"the Ray cluster at RAY_ADDRESS={address} cannot be joined ({' '.join(str(error).split())}): "
            "install the same versions of Ray and Python on both sides"
        ) from None
    if "://" not in address and ":" not in address:  # "auto": only now it is known whom to ask
        _check_joined()


def _check_joined() -> None:
    """Leave a cluster that was joined with a token which it does not ask for."""
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    try:
        _check_token(host, int(port))
    except UserError:
        ray.shutdown()
        raise


def _check_token(host: str, port: int) -> None:
    if os.environ.get("RAY_USE_TLS", "0") != "1":  # then only Ray can ask
        check_token(host, port)


def _probe(address: str) -> None:
    """Refuse a host:port at which no Ray listens, or one with another token: Ray would find out after minutes."""
    host, _, port = address.rpartition("://")[2].partition("/")[0].rpartition(":")
    if not host or not port.isdigit():  # "auto" and the like: Ray's to find
        return
    what = f"Ray cluster answers at RAY_ADDRESS={address}"
    remedy = "start one with `ray start --head`, mend the address, or unset RAY_ADDRESS to run locally"
    check_listening(host, int(port), what, remedy)
    if os.environ.get("RAY_USE_TLS", "0") != "1":  # then only Ray can ask
        check_grpc(host, int(port), what, remedy)
    _check_token(host, int(port))


def cpus() -> int:
    """CPUs of the whole cluster."""
    return int(ray.cluster_resources().get("CPU", 0))


def gpus() -> int:
    """GPUs of the whole cluster."""
    return int(ray.cluster_resources().get("GPU", 0))


def worker_resources(accelerator: str, threads: int) -> dict[str, float]:
    """What one training worker reserves: its threads' CPUs and, on an accelerator, a GPU beside them."""
    return {"CPU": float(threads)} | ({"GPU": 1.0} if accelerator == "gpu" else {})


def workers_that_fit(accelerator: str, threads: int) -> int:
    """How many training workers the nodes of the cluster have room for; a worker is on one node."""
    wanted = worker_resources(accelerator, threads)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(min(int(have.get(kind, 0) // count) for kind, count in wanted.items()) for have in nodes)
