"""The model that is served: packaged weights, a folder, or a version of a registry, which may be followed."""

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from gfm_ra.allocator import Allocator
from gfm_ra.errors import InputError
from gfm_ra.loading import REGISTRY, load

PACKAGED = "gfm-ra"
LOG = logging.getLogger("gfm_ra.server")


class Served(NamedTuple):
    """An allocator, and how clients call it."""

    allocator: Allocator
    name: str  # in /v2/models/{name}
    version: str
    title: str  # in answers of /allocate


def served(source: str | None) -> Served:
    """Load what `gfm_ra.load` finds.

    An alias of a registry is resolved once: all that is loaded is of one version.

    Raises:
        InputError: there is nothing of that name, or it is damaged.
    """
    if source is not None and source.startswith(REGISTRY):
        from gfm_ra.inference.registered import version_of

        name, number = version_of(source)
        pinned = f"{REGISTRY}{name}/{number}"
        return Served(load(pinned), name, number, pinned)
    allocator = load(source)
    version = allocator.name.rpartition("-")[2]
    return Served(allocator, PACKAGED, version if version.isdecimal() else "1", allocator.name)


def may_be_followed(source: str | None) -> bool:
    """Whether it may come to mean another version: an alias of a registry."""
    return source is not None and source.startswith(REGISTRY) and "@" in source


class Followed:
    """Keeps a model that a registry's alias means, and looks every so many seconds whether it means another one."""

    def __init__(self, source: str | None, every_s: float | None, changed: Callable[[], None]) -> None:
        """`changed` is told of every other version.

        Raises:
            InputError: there is nothing of that name, or nothing to follow.
        """
        if every_s is not None and not may_be_followed(source):
            raise InputError(
                "--follow: only an alias of a registry can be followed: --model models:/NAME@ALIAS"
            )
        self.source, self.every_s, self._changed = source, every_s, changed
        self.now = served(source)
        self._ended = threading.Event()

    def begin(self) -> None:
        """Start to look, on the running loop."""
        if self.every_s is not None:
            # A thread that nobody waits for: a registry that does not answer must not hold up the end.
            threading.Thread(target=self._watch, args=(self.every_s,), daemon=True).start()

    def end(self) -> None:
        """Stop to look."""
        self._ended.set()

    def _watch(self, every_s: float) -> None:
        while not self._ended.wait(every_s):
            try:
                self._look()
            # Whatever the registry says or fails to say, the version that answers goes on answering.
            except Exception as error:
                LOG.warning("the registry was not asked: %s", " ".join(str(error).split())[:200])

    def _look(self) -> None:
        from gfm_ra.inference.registered import version_of

        assert self.source is not None, "only a registry's alias is followed"
        if version_of(self.source) != (self.now.name, self.now.version):
            before, self.now = self.now, served(self.source)
            self._changed()
            LOG.info("%s answers instead of %s", self.now.title, before.title)
