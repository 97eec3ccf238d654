"""Laws of files on a cluster: a node that does not see a stage's files is named before work starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pipelines.cluster.room import Need
from pipelines.cluster.visibility import check_visible, look
from pipelines.cluster.workers import workers
from pipelines.runtime.errors import UserError
from tests import clusters


@pytest.fixture(scope="module")
def cluster(root: Path) -> Iterator[Cluster]:
    """A head and two more nodes of one CPU each, joined by this process."""
    with clusters.joined(root, head_cpus=1, workers=2, dashboard=False) as made:
        yield made


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "some-data"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


def test_what_every_node_sees_is_no_obstacle(cluster: Cluster, data: Path, tmp_path: Path) -> None:
    with workers(Need("solve"), [data, data / "manifest.json", tmp_path]):
        assert ray.is_initialized()


def here_only(path: Path) -> Path:
    """A path by which other processes do not find what this one finds: through its own working directory."""
    return Path("/proc/self/cwd") / path.name


def test_a_node_that_does_not_see_a_path_is_named(cluster: Cluster, data: Path) -> None:
    addresses = {node["NodeID"][:12]: node["NodeManagerAddress"] for node in ray.nodes()}
    with pytest.raises(UserError) as caught, workers(Need("solve"), [data, here_only(data)]):
        raise AssertionError("work has started")
    line = str(caught.value)
    assert "\n" not in line
    assert "does not see /proc/self/cwd/some-data: put the clone on a file system" in line
    (named,) = [node for node in addresses if f"({node})" in line]
    assert line.startswith(f"node {addresses[named]} ({named})")


def test_a_node_with_other_data_at_the_same_path_is_named(
    cluster: Cluster, data: Path, tmp_path: Path
) -> None:
    # The command line of the process that looks: another one in each.
    with pytest.raises(UserError, match=r"^node .* sees another /proc/self/cmdline than this machine"):
        check_visible([data, Path("/proc/self/cmdline")])


def test_a_look_tells_folders_files_and_nothing_apart(data: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    manifest, file, folder, nothing = look(
        [data, data / "manifest.json", tmp_path / "other", tmp_path / "none"]
    )
    assert manifest == file
    assert file is not None
    assert len(file) == 64
    assert (folder, nothing) == ("", None)


def test_one_machine_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a local session the paths have been looked at already."""
    monkeypatch.setattr(
        ray, "get_runtime_context", lambda: type("Here", (), {"get_node_id": lambda _: "a"})()
    )
    monkeypatch.setattr(
        ray, "nodes", lambda: [{"Alive": True, "NodeID": "a"}, {"Alive": False, "NodeID": "b"}]
    )
    monkeypatch.setattr(ray, "remote", lambda *_: pytest.fail("a task was started"))
    check_visible([Path("/nowhere")])
