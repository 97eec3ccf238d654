"""A session for a stage's work: with room for its workers, on nodes that see its files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.cluster.room import Need, wait_for_room
from pipelines.cluster.session import session
from pipelines.cluster.visibility import check_visible


@contextmanager
def workers(
    need: Need, paths: Sequence[Path], dashboard: bool = False, grows: bool = False
) -> Iterator[None]:
    """A session (see `session`) whose cluster has room for what is needed and sees the paths.

    `grows`: the cluster grows on demand, even if Ray cannot tell.

    Raises:
        UserError: there is no room, a node does not see a path, or there is no cluster.
    """
    with session(dashboard):
        wait_for_room(need, grows)
        check_visible(paths)
        yield
