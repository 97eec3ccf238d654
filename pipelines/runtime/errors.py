"""From exceptions to the one line that a person needs."""

import errno
import re
from pathlib import Path

from pydantic import ValidationError

from components.data.shards import DataError
from gfm_ra.errors import UserError

# What a stage reports as one line instead of a traceback.
EXPECTED = (UserError, DataError, OSError)

_DISK = {
    errno.ENOSPC: "no space left on the disk: free some, then run the same command again; finished work is kept",
    errno.EDQUOT: "disk quota exceeded: free some space, then run the same command again",
    errno.EEXIST: "a file lies where a folder is needed: move it away",
    errno.ENOTDIR: "a file lies where a folder is needed: move it away",
    errno.EROFS: "the file system is read-only: choose a writable folder",
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
        return f"{error.filename or Path.cwd()}: {_DISK[error.errno]}"
    return redacted(" ".join(str(error).split())) or type(error).__name__


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
