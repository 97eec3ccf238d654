"""Laws of room: what fits starts at once, a cluster that grows is waited for, and nothing is waited for in vain."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID
from ray.cluster_utils import Cluster

from pipelines.cluster import room
from pipelines.cluster.room import Need, Outside, can_grow, limit_s, wait_for_room
from pipelines.runtime.errors import UserError
from tests import clusters

FOUR = Need("pretrain", 4, "gpu", 2, "lower pretrain.workers, ")


class World:
    """A cluster with an autoscaler's answer, and a clock that only sleeping moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, grows: bool, arrives_s: float = float("inf")) -> None:
        self.now, self.grows, self.arrives_s = 0.0, grows, arrives_s
        self.said: list[str] = []
        self.requests: list[list[Mapping[str, float]]] = []
        monkeypatch.setattr(ray, "nodes", self.nodes)
        monkeypatch.setattr(room, "cpus", lambda: 8)
        monkeypatch.setattr(room, "gpus", lambda: 2)

    def nodes(self) -> list[dict[str, Any]]:
        nodes = [{"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0}}]
        return nodes * (2 if self.now >= self.arrives_s else 1)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def request(self, bundles: Sequence[Mapping[str, float]]) -> None:
        self.requests.append(list(bundles))

    @property
    def outside(self) -> Outside:
        return Outside(lambda: self.grows, self.request, lambda: self.now, self.sleep, self.said.append)


@pytest.fixture(autouse=True)
def _usual_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(room.LIMIT_VARIABLE, raising=False)


def test_what_fits_starts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, grows=True)
    wait_for_room(Need("pretrain", 2, "gpu", 4), outside=world.outside)
    assert (world.now, world.said, world.requests) == (0.0, [], [])


def test_a_cluster_that_cannot_grow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, grows=False)
    with pytest.raises(UserError) as caught:
        wait_for_room(FOUR, outside=world.outside)
    assert str(caught.value) == (
        "pretrain needs 4 workers of 2 threads and a GPU each, but the cluster has 8 CPUs and 2 GPUs, room for 2: "
        "lower pretrain.workers, join a larger cluster with RAY_ADDRESS"
    )
    assert (world.now, world.said, world.requests) == (0.0, [], [])


def test_a_cluster_that_grows_is_asked_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, grows=True, arrives_s=65.0)
    wait_for_room(FOUR, outside=world.outside)
    assert world.now == pytest.approx(66.0)
    assert world.requests == [[{"CPU": 2.0, "GPU": 1.0}] * 4, []]
    waiting = [line for line in world.said if "waiting for it to grow" in line]
    assert [line.rpartition(", ")[2] for line in waiting] == ["0 of 600 s", "30 of 600 s", "60 of 600 s"]
    assert world.said[-1] == "pretrain: the cluster has grown in 66 s"


def test_a_cluster_that_is_said_to_grow_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, grows=False, arrives_s=5.0)
    wait_for_room(FOUR, grows=True, outside=world.outside)
    assert world.requests[-1] == []


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(room.LIMIT_VARIABLE, "45")
    world = World(monkeypatch, grows=True)
    with pytest.raises(UserError, match=r"room for 2, and it has not grown in 45 s: lower pretrain\.workers"):
        wait_for_room(FOUR, outside=world.outside)
    assert world.now == pytest.approx(45.0)
    assert world.requests[-1] == []


def test_nothing_is_asked_for_any_more_after_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, grows=True)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(world, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        wait_for_room(FOUR, outside=world.outside)
    assert world.requests[-1] == []


def test_0_means_not_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(room.LIMIT_VARIABLE, "0")
    world = World(monkeypatch, grows=True)
    with pytest.raises(UserError, match="pretrain needs 4 workers"):
        wait_for_room(FOUR, outside=world.outside)
    assert (world.now, world.requests) == (0.0, [])


@pytest.mark.parametrize("given", ["soon", "-1", "nan", "inf"])
def test_a_limit_that_is_no_time_is_one_line(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(room.LIMIT_VARIABLE, given)
    with pytest.raises(UserError, match=f"{room.LIMIT_VARIABLE} must be seconds, 0 or more, not '{given}'"):
        limit_s()


@pytest.mark.parametrize(
    ("report", "grows"),
    [
        (None, False),
        ({"active_nodes": {"node_6a07": 1}, "node_type_mapping": {"6a07": "node_6a07"}}, False),
        ({"active_nodes": {"headgroup": 1}}, True),
        ({"active_nodes": {}, "pending_launches": {"gpu": 2}}, True),
        ({"active_nodes": None, "node_type_mapping": {"ff00": "ray.head.default"}}, True),
    ],
    ids=["nothing yet", "by hand", "active", "pending", "head only"],
)
def test_an_autoscaler_shows_by_its_node_types(
    monkeypatch: pytest.MonkeyPatch, report: dict[str, Any] | None, grows: bool
) -> None:
    status = None if report is None else json.dumps({"time": 1.0, "autoscaler_report": report}).encode()
    monkeypatch.setattr(room, "_internal_kv_get", lambda _: status)
    monkeypatch.setattr(room.state, "get_cluster_config", lambda: None)
    assert can_grow() == grows


@pytest.fixture
def cluster(root: Path) -> Iterator[Cluster]:
    with clusters.joined(root, head_cpus=1, workers=0, dashboard=False) as made:
        yield made


def test_a_node_that_joins_a_real_cluster_ends_the_wait(cluster: Cluster) -> None:
    """The test plays the autoscaler: it starts a node when one has been asked for."""
    assert not can_grow()
    with pytest.raises(UserError, match="the cluster has 1 CPUs and 0 GPUs, room for 1: join a larger"):
        wait_for_room(Need("solve", 2))
    said: list[str] = []
    asked: list[list[dict[str, float]]] = []

    def start_node(bundles: Sequence[Mapping[str, float]]) -> None:
        asked.append([dict(bundle) for bundle in bundles])
        room.Outside().request(bundles)
        if bundles:
            cluster.add_node(num_cpus=1)

    wait_for_room(Need("solve", 2), grows=True, outside=Outside(request=start_node, say=said.append))
    assert asked == [[{"CPU": 1.0}] * 2, []]
    assert said[-1].startswith("solve: the cluster has grown in")


NO_COMMANDS = (
    "cluster_synced_files", "head_setup_commands", "head_start_ray_commands", "initialization_commands",
    "rsync_exclude", "rsync_filter", "setup_commands", "worker_setup_commands", "worker_start_ray_commands",
)  # fmt: skip
# Ray's own provider for tests: its autoscaler decides as for any other, what it launches never arrives.
AUTOSCALER = {name: [] for name in NO_COMMANDS} | {
    "cluster_name": "test",
    "max_workers": 4,
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 5,
    "docker": {},
    "auth": {},
    "file_mounts": {},
    "file_mounts_sync_continuously": False,
    "provider": {
        "type": "fake_multinode",
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
    },
    "head_node_type": "ray.head.default",
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
        "worker": {"resources": {"CPU": 2}, "node_config": {}, "min_workers": 0, "max_workers": 2},
    },
}


def pending_launches() -> dict[str, int]:
    status = room._internal_kv_get(room.STATUS_KEY)
    report = (json.loads(status) if status else {}).get("autoscaler_report") or {}
    return report.get("pending_launches") or {}


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.5)


@pytest.mark.slow
def test_a_real_autoscaler_is_found_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "autoscaler.json").write_text(json.dumps(AUTOSCALER))
    for name, value in (("RAY_FAKE_CLUSTER", "1"), ("AUTOSCALER_UPDATE_INTERVAL_S", "1")):
        monkeypatch.setenv(name, value)
    head = {
        "num_cpus": 1,
        "include_dashboard": False,
        "autoscaling_config": str(tmp_path / "autoscaler.json"),
        "env_vars": {"RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID},
    }
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        ray.init(made.address, log_to_driver=False)
        until(can_grow)
        assert pending_launches() == {}
        said: list[str] = []

        def look_again(_: float) -> None:
            until(lambda: pending_launches() == {"worker": 2})
            monkeypatch.setattr(Need, "fits", lambda _: True)

        wait_for_room(Need("pretrain", 2, threads=2), outside=Outside(sleep=look_again, say=said.append))
        assert said[0].endswith("room for 0: waiting for it to grow, 0 of 600 s")
    finally:
        ray.shutdown()
        made.shutdown()
