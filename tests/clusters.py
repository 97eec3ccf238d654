"""A Ray cluster of several nodes on this machine, joined by the process that asks for it, and the loss of a node."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
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


def runs(node: Any, name: str) -> bool:
    """Whether a worker process of the node is at work on the task or actor of this name: Ray puts it in its title."""
    try:
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        titles = [" ".join(process.cmdline()) for process in raylet.children(recursive=True)]
    except psutil.Error:  # something ended while it was looked at
        return False
    return any(title.startswith(f"ray::{name}") for title in titles)


class Loss:
    """Kills a worker node, rudely, while it runs a task or actor of this name and `begun` is true; a new one follows.

    Nothing is timed: the node is at work at the moment when it is lost, however fast the machine is.
    """

    def __init__(self, cluster: Cluster, name: str, begun: Callable[[], bool] = lambda: True) -> None:
        self.cluster, self.name, self.begun, self.lost = cluster, name, begun, ""
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._wait_and_kill, daemon=True)

    def __enter__(self) -> "Loss":
        self.thread.start()
        return self

    def _wait_and_kill(self) -> None:
        while not self.done.wait(0.01):
            if not self.begun():
                continue
            for node in list(self.cluster.worker_nodes):
                if runs(node, self.name):
                    self.cluster.remove_node(node, allow_graceful=False)
                    self.lost = node.node_id
                    return

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join(60)
        if self.lost:
            self.cluster.add_node(num_cpus=1)
            self.cluster.wait_for_nodes()
