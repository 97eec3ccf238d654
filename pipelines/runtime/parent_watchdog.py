"""A stage ends with the DVC that started it, however that ended: nothing is left at work for nobody.

DVC waits for its stages, so one that outlives it was orphaned by kill -9. It would write into folders that the next
`dvc repro` believes to be its own. What it had finished is kept for that one to go on from.
"""

import os
import select
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

PROGRAM = "dvc"
STARTED_BY_DVC = "DVC_STAGE"  # which it sets for whatever it runs
PROC = Path("/proc")


def follow() -> None:
    """End this process, and with it its Ray session, as soon as the DVC above it is gone; do nothing without one."""
    owner = _owner()
    if owner is None:
        # DVC was killed before we could look: nobody is above us any more.
        if os.environ.get(STARTED_BY_DVC) and os.getppid() == 1:
            _say_and_end()
        return
    try:
        handle = os.pidfd_open(owner)
    except ProcessLookupError:  # it ended while we looked
        _say_and_end()
    except OSError:  # an old kernel, or one that may not be asked: then a stage can outlive its DVC
        return
    else:
        threading.Thread(target=_end_with, args=(handle,), name="parent-watchdog", daemon=True).start()


def _say_and_end() -> None:
    with suppress(OSError):  # nobody may be left to read it
        os.write(2, b"the dvc that started this stage has ended: the stage ends too\n")
    os.kill(os.getpid(), signal.SIGKILL)


def _end_with(handle: int) -> None:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.poll()
    # Not an exception, which the main thread would never see. Ray's agents would notice by themselves, a minute later.
    for process in (*_below(os.getpid()), os.getpid()):
        with suppress(OSError):  # it has just ended
            os.kill(process, signal.SIGKILL)


def _below(process: int) -> list[int]:
    """Everything that a process has started and what that has, nearest first."""
    children: dict[int, list[int]] = {}
    for path in PROC.glob("[0-9]*"):
        with suppress(OSError):
            children.setdefault(_parent(int(path.name)), []).append(int(path.name))
    found = list(children.get(process, []))
    for each in found:  # grows while it is walked through
        found += children.get(each, [])
    return found


def _parent(process: int) -> int:
    return int((PROC / str(process) / "stat").read_text().rpartition(")")[2].split()[1])


def _owner() -> int | None:
    """The nearest process above this one that is DVC, where the system tells."""
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        return None
    process = os.getppid()
    while process >= 1:  # in a container DVC may be process 1
        try:
            words = (PROC / str(process) / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = _parent(process)
        except OSError:  # ended in between, or another user's
            return None
        if PROGRAM in (Path(word).name for word in words[:3]):
            return process
        process = parent
    return None
