"""Where DVC's experiments come from: `dvc exp run --temp` and `--queue` work in a copy that is deleted afterwards.

DVC makes the copy below `.dvc/tmp/exps/` of the work tree that asked for it. It also sets DVC_ROOT to that work tree,
but a variable is inherited by whatever such a process starts elsewhere; where a folder lies cannot be out of date.
"""

from pathlib import Path

COPIES = (".dvc", "tmp", "exps")


def lasting_folder(folder: Path | None = None) -> Path:
    """The folder of the original work tree that corresponds to `folder` (the current one if None).

    Outside of an experiment's copy that is the folder itself.
    """
    here = (folder or Path.cwd()).resolve()
    for top in (here, *here.parents):
        origin = _origin(top)
        if origin is not None and (top / COPIES[0]).is_dir():
            return origin / here.relative_to(top)
    return here


def _origin(top: Path) -> Path | None:
    """The work tree below whose folder of copies `top` lies; the outermost, if experiments are nested."""
    parts = top.parts
    for end in range(len(COPIES), len(parts)):
        if parts[end - len(COPIES) : end] == COPIES:
            return Path(*parts[: end - len(COPIES)])
    return None
