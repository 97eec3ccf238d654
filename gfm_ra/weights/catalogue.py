"""Which weights are there: those in this folder, and those that other packages bring by entry points."""

import re
from pathlib import Path

from gfm_ra.errors import InputError
from gfm_ra.extensions import WEIGHTS, added, loaded
from gfm_ra.weights.card import NAME, Card, read_card

FOLDER = Path(__file__).resolve().parent


def folders() -> dict[str, Path]:
    """Folders of weights by their full name, such as `prompted-1`; their contents are not looked at.

    Raises:
        InputError: another package's weights cannot be found.
    """
    found = {path.parent.name: path.parent for path in sorted(FOLDER.glob(f"*/{NAME}"))}
    for name in added(WEIGHTS):
        where = loaded(WEIGHTS, name)
        path = Path(str(where() if callable(where) else where))
        if name in found:
            raise InputError(
                f"{WEIGHTS}: {name!r} comes with gfm_ra already: call the folder {path} otherwise"
            )
        found[name] = path
    return found


def find(name: str | None = None) -> Card:
    """The weights of a name with or without version: the newest of that name; the newest of all without a name.

    Raises:
        InputError: there are none of that name, or `read_card` refuses them.
    """
    there = folders()
    if name is None:
        own = [read_card(path) for path in there.values() if path.parent == FOLDER]
        if not own:
            raise InputError(
                f"no weights are installed ({FOLDER} holds none): reinstall gfm-ra or name a folder"
            )
        return max(own, key=lambda card: (card.released, card.version))
    if name in there:
        return read_card(there[name])
    versions = {full: _version(full, name) for full in there}
    known = [full for full, version in versions.items() if version is not None]
    if not known:
        raise InputError(f"there are no weights {name!r} (there are: {', '.join(there) or 'none'})")
    return read_card(there[max(known, key=lambda full: versions[full] or 0)])


def _version(full: str, name: str) -> int | None:
    found = re.fullmatch(re.escape(name) + r"-(\d+)", full)
    return None if found is None else int(found[1])
