"""Errors that a person can mend, and the one line that they become."""

import errno


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what, where and how."""


class InputError(UserError):
    """Something that was given cannot be used: a file, or a value; a command ends with exit code 2."""


_SYSTEM = {
    errno.ENOSPC: "no space is left on the disk: free some and run the command again",
    errno.EDQUOT: "the disk quota is exceeded: free some space and run the command again",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.EACCES: "no permission: choose another file or mend its permissions",
    errno.EPERM: "no permission: choose another file or mend its permissions",
    errno.ENOENT: "there is no such file or folder",
    errno.EISDIR: "is a folder: name a file",
    errno.EMFILE: "too many files are open: raise the limit (ulimit -n)",
}


def one_line(error: BaseException) -> str:
    """An expected error in one line: what, where and what to do about it."""
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        where = error.filename2 or error.filename
        return f"{where}: {_SYSTEM[error.errno]}" if where else _SYSTEM[error.errno]
    if isinstance(error, MemoryError):
        return " ".join(str(error).split()) or "out of memory: answer fewer networks at once"
    return " ".join(str(error).split()) or type(error).__name__
