"""From exceptions to the one line that a person needs."""

import errno
import os
import re
import tempfile
from pathlib import Path

from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from components.data.shards import DataError
from gfm_ra.errors import UserError

# What a stage reports as one line instead of a traceback.
EXPECTED = (UserError, DataError, OSError, MlflowException)
NEARLY_FULL_BYTES = 2**20
SHARED_MEMORY = Path("/dev/shm")  # of Ray's object store

_DISK = {
    errno.ENOSPC: "no space left on the disk: free some, then run the same command again; finished work is kept",
    errno.EDQUOT: "disk quota exceeded: free some space, then run the same command again",
    errno.EEXIST: "a file lies where a folder is needed: move it away",
    errno.ENOTDIR: "a file lies where a folder is needed: move it away",
    errno.EROFS: "the file system is read-only: choose a writable folder",
    errno.EMFILE: "too many open files in one process: raise the limit with `ulimit -n 4096`, then run it again",
    errno.ENFILE: "too many open files on this machine: end some programs, then run it again",
    errno.EACCES: "no permission to write there: choose another folder or mend its permissions",
    errno.EPERM: "no permission to write there: choose a writable folder or mend its permissions",
}


def redacted(text: str) -> str:
    """A text without the user names and passwords of the addresses in it."""
    return re.sub(r"://[^/@\s]+@", "://...@", text)


def one_line(error: BaseException) -> str:
    """Say an expected error in one line, without the passwords of addresses."""
    cause = getattr(error, "cause", None)  # what a Ray task raised, without the remote traceback
    if isinstance(cause, BaseException):
        error = cause
    if isinstance(error, OSError) and error.errno in _DISK:
        return f"{_place(error)}: {_DISK[error.errno]}"
    if isinstance(error, MlflowException):
        import mlflow

        from pipelines.runtime.mlflow_answers import explained  # which builds on this module

        return explained(error, mlflow.get_tracking_uri())
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


def describe_validation(error: ValidationError, where: str = "") -> str:
    """Every fault of a parameter section, each with its full name and the value given."""
    faults = []
    for fault in error.errors():
        name = ".".join([*filter(None, [where]), *(str(part) for part in fault["loc"])])
        if fault["type"] == "extra_forbidden":
            faults.append(f"{name} is not a parameter: check the spelling or remove it")
        elif fault["type"] == "missing":
            faults.append(f"{name} is missing: add it")
        else:
            message = fault["msg"].removeprefix("Value error, ")
            given = "" if isinstance(fault["input"], dict) else f" (given: {fault['input']!r})"
            faults.append(f"{name}: {message}{given}" if name else message)
    return "; ".join(faults)
