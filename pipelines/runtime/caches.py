"""Where compiled functions are kept if neither the code's folder nor the home can be written."""

import os
import stat
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
_ROOT = Path(__file__).resolve().parents[2]


def choose_cache(root: Path = _ROOT) -> None:
    """Set NUMBA_CACHE_DIR to a folder of this user's own if numba would find no place for its cache.

    Without a place numba refuses to compile at all. What the user has set stays.
    """
    home = Path(os.path.expanduser("~"))  # "~" itself where there is none
    if VARIABLE in os.environ or _writable(root) or (home.is_absolute() and _writable(home)):
        return
    os.environ[VARIABLE] = str(_own_folder())


def _writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _own_folder() -> Path:
    """A folder for temporary files that nobody else can write: what lies in a cache is run."""
    folder = Path(tempfile.gettempdir()) / f"gfm-ra-cache-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix="gfm-ra-cache-"))
