"""A Ray cluster of several nodes on this machine, joined by the process that asks for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ray
from ray.cluster_utils import Cluster


@contextmanager
def joined(root: Path, head_cpus: int, workers: int, dashboard: bool = True) -> Iterator[Cluster]:
    """A head and so many workers of one CPU each, whose code is that of `root`.

    Nested trainers need the dashboard; it takes a port that only one cluster of a machine can have.
    """
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": head_cpus, "include_dashboard": dashboard}
    )
    try:
        for _ in range(workers):
            made.add_node(num_cpus=1)
        made.wait_for_nodes()
        ray.init(made.address, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(root)}})
        yield made
    finally:
        ray.shutdown()
        made.shutdown()
