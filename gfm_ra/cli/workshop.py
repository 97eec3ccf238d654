"""Commands that need the training side of the project, which a clone holds and the wheel does not."""

import sys
from importlib import import_module, util
from importlib.machinery import PathFinder
from pathlib import Path

from gfm_ra.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "simulate": "gains of networks of a scenario",
    "adapt": "weights for an own site or utility",
}
_PACKAGE, _MAIN = "pipelines", "pipelines.cli.main"


def is_there() -> bool:
    """Whether the training side lies beside this package; nothing is imported by name for that."""
    return (ROOT / "pipelines" / "cli" / "main.py").is_file() and (ROOT / "dvc.yaml").is_file()


def run(words: list[str]) -> int:
    """Hand a command line over.

    Raises:
        UserError: there is no clone around this package, or its packages are not installed.
    """
    if not is_there():
        raise UserError(
            f"`gfm-ra {words[0]}` is a command of a clone of the project (this copy is installed without it): "
            "clone it and run `make install`"
        )
    _refuse_strangers()
    try:
        main = import_module(_MAIN).main
    except ModuleNotFoundError as error:
        raise UserError(f"`gfm-ra {words[0]}` needs {error.name}: run `make install` in {ROOT}") from None
    return main(words) or 0


def module(name: str) -> object:
    """A module of the training side, if it is there and its packages are installed; None otherwise."""
    if not is_there():
        return None
    _refuse_strangers()
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None


def _refuse_strangers() -> None:
    """Make sure that `pipelines` means the folder beside this package and no other one."""
    own = PathFinder.find_spec(_PACKAGE, [str(ROOT)])
    if _PACKAGE not in sys.modules:
        sys.path.insert(0, str(ROOT))
    found = util.find_spec(_PACKAGE)
    if own is None or found is None or own.origin != found.origin:
        raise UserError(f"another package called {_PACKAGE} ({found and found.origin}) hides that of {ROOT}")
