"""Room for a stage's workers: there at once, waited for where the cluster can grow, or refused in one line."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ray._private.state import state
from ray.autoscaler.sdk import request_resources
from ray.experimental.internal_kv import _internal_kv_get

from pipelines.cluster.session import cpus, gpus, worker_resources, workers_that_fit
from pipelines.runtime.errors import UserError

LIMIT_VARIABLE, LIMIT_S = "GFM_RA_CLUSTER_WAIT_S", 600.0
LOOK_EVERY_S, SAY_EVERY_S = 2.0, 30.0
# What Ray keeps for `ray status`, and the type that it gives nodes which nobody but a person has started.
STATUS_KEY, BY_HAND = "__autoscaling_status", "node_"


def can_grow() -> bool:
    """Whether something starts more nodes for this cluster on demand; Ray itself has no public answer.

    A cluster without an autoscaler reports every node as a type of its own, named after the node.
    """
    config = state.get_cluster_config()  # of services that host Ray
    if config is not None and config.node_group_configs:
        return True
    status = _internal_kv_get(STATUS_KEY)
    report = (json.loads(status) if status else {}).get("autoscaler_report") or {}
    kinds = {*(report.get("active_nodes") or {}), *(report.get("pending_launches") or {})}
    kinds |= set((report.get("node_type_mapping") or {}).values())
    return any(not kind.startswith(BY_HAND) for kind in kinds)


def say(line: str) -> None:
    """One line to the person."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201 (what this function is for)


@dataclass(frozen=True)
class Outside:
    """What waiting deals with: the cluster's growth, the clock, the person."""

    can_grow: Callable[[], bool] = can_grow
    request: Callable[[Sequence[Mapping[str, float]]], None] = lambda bundles: request_resources(
        bundles=[dict(bundle) for bundle in bundles]
    )
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = say


@dataclass(frozen=True)
class Need:
    """Workers that a stage wants at the same time, each on one node, and what to change if that is too many."""

    section: str
    workers: int = 1
    accelerator: str = "cpu"
    threads: int = 1
    remedy: str = ""

    def fits(self) -> bool:
        """Whether the cluster has the room now, busy or not."""
        return workers_that_fit(self.accelerator, self.threads) >= self.workers

    def bundles(self) -> list[dict[str, float]]:
        """The same for the autoscaler."""
        return [worker_resources(self.accelerator, self.threads)] * self.workers

    def __str__(self) -> str:
        workers = f"{self.workers} worker{'s' * (self.workers > 1)}"
        gpu = " and a GPU" if self.accelerator == "gpu" else ""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return (
            f"{self.section} needs {workers} of {threads}{gpu}{' each' * (self.workers > 1)}, but the cluster has "
            f"{cpus()} CPUs and {gpus()} GPUs, room for {workers_that_fit(self.accelerator, self.threads)}"
        )


def limit_s() -> float:
    """How long to wait for a cluster that can grow, by GFM_RA_CLUSTER_WAIT_S.

    Raises:
        UserError: the variable holds no number from 0 on.
    """
    given = os.environ.get(LIMIT_VARIABLE, "")
    try:
        limit = float(given or LIMIT_S)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise UserError(f"{LIMIT_VARIABLE} must be seconds, 0 or more, not {given!r}: 0 means not to wait")
    return limit


def wait_for_room(need: Need, grows: bool = False, outside: Outside | None = None) -> None:
    """Return when the cluster has room, after waiting for it if it can grow.

    `grows`: it grows on demand, even if Ray cannot tell.

    Raises:
        UserError: it has no room and cannot grow, or has not grown in time.
    """
    outside, limit = outside or Outside(), limit_s()
    if need.fits():
        return
    if limit == 0 or not (grows or outside.can_grow()):
        raise UserError(f"{need}: {need.remedy}join a larger cluster with RAY_ADDRESS")
    # A stage that only waited would wait for ever: nodes are started for what is asked for.
    outside.request(need.bundles())
    try:
        waited_s = _wait(need, limit, outside)
    finally:
        outside.request([])
    if waited_s is None:
        raise UserError(
            f"{need}, and it has not grown in {limit:.0f} s: {need.remedy}let it grow further, or wait longer with "
            f"{LIMIT_VARIABLE}"
        )
    outside.say(f"{need.section}: the cluster has grown in {waited_s:.0f} s")


def _wait(need: Need, limit: float, outside: Outside) -> float | None:
    """Seconds until there was room; None if the time was over first."""
    started = outside.clock()
    last_line = started - SAY_EVERY_S
    while (waited := outside.clock() - started) < limit:
        if need.fits():
            return waited
        if outside.clock() - last_line >= SAY_EVERY_S:
            last_line = outside.clock()
            outside.say(f"{need}: waiting for it to grow, {waited:.0f} of {limit:.0f} s")
        outside.sleep(min(LOOK_EVERY_S, limit - waited))
    return None
