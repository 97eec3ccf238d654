"""The references that come with the weights."""

import re
from functools import cache
from pathlib import Path

from gfm_ra.errors import InputError
from gfm_ra.familiarity.reference import Reference
from gfm_ra.familiarity.stored import read

HOME, TRAINED = "home", "trained"
"""The paper's scenarios D16 to D20 at any number of links; all networks that the weights were trained on."""
PACKAGED = (TRAINED, HOME)
_WEIGHTS = Path(__file__).resolve().parents[1] / "weights"


def file_name(name: str) -> str:
    """What a packaged reference is called in a folder of weights."""
    return f"familiarity-{name}.npz"


def load(source: str | Path = TRAINED) -> Reference:
    """A packaged reference, "trained" or "home", of the newest weights that have it, or one of a file.

    Raises:
        InputError: there is none of that name, or it is damaged.
    """
    if source in PACKAGED:
        return _packaged(str(source))
    return read(source)


@cache
def _packaged(name: str) -> Reference:
    found = {_version(path.parent.name): path for path in _WEIGHTS.glob(f"*/{file_name(name)}")}
    if not found:
        raise InputError(f"no weights in {_WEIGHTS} have {file_name(name)}: reinstall gfm-ra or name a file")
    return read(found[max(found)])


def _version(folder: str) -> int:
    number = re.search(r"-(\d+)$", folder)
    return int(number[1]) if number else 0
