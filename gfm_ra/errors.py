"""Errors that a person can mend, and the one line that they become."""

import errno
import os
import re
import tempfile
from pathlib import Path


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what, where and how."""


class InputError(UserError):
    """Something that was given cannot be used: a file, or a value; a command ends with exit code 2."""


NEARLY_FULL_BYTES = 2**20
SHARED_MEMORY = Path("/dev/shm")  # a disk in memory, which several processes share

_SYSTEM = {
    errno.ENOSPC: "no space left on the disk: free some, then run the same command again",
    errno.EDQUOT: "disk quota exceeded: free some space, then run the same command again",
    errno.EEXIST: "a file lies where a folder is needed: move it away",
    errno.ENOTDIR: "a file lies where a folder is needed: move it away",
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "is a folder: name a file",
    errno.EROFS: "the file system is read-only: choose a writable folder",
    errno.EMFILE: "too many open files in one process: raise the limit with `ulimit -n 4096`, then run it again",
    errno.ENFILE: "too many open files on this machine: end some programs, then run it again",
    errno.EACCES: "no permission: choose another file or folder, or mend its permissions",
    errno.EPERM: "no permission: choose another file or folder, or mend its permissions",
}


def redacted(text: str) -> str:
    """A text without the user names and passwords of the addresses in it."""
    return re.sub(r"://[^/@\s]+@", "://...@", text)


def one_line(error: BaseException) -> str:
    """An expected error in one line, what, where and what to do about it, without the passwords of addresses."""
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        return f"{_place(error)}: {_SYSTEM[error.errno]}"
    if isinstance(error, MemoryError) and not error.args:
        return "out of memory: do less at once"
    return redacted(" ".join(str(error).split())) or type(error).__name__


def _place(error: OSError) -> str:
    """What an error of the file system is about: its file, or the full disk that is found, for writes do not say."""
    if error.filename is not None and error.filename2 is not None:
        return f"{os.fsdecode(error.filename)} -> {os.fsdecode(error.filename2)}"
    if error.filename is not None:
        return os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error.strerror or type(error).__name__
    looked_at = [path for path in (Path.cwd(), Path(tempfile.gettempdir()), SHARED_MEMORY) if path.is_dir()]
    full = [str(folder) for folder in looked_at if _free_bytes(folder) < NEARLY_FULL_BYTES]
    return " and ".join(full) or f"a disk other than those of {', '.join(map(str, looked_at))}"


def _free_bytes(folder: Path) -> int:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize
