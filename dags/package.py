"""Copies released weights into the package: `python -m dags.package`, after `dvc repro dags/release/dvc.yaml`."""

import json
import shutil
import sys
from pathlib import Path

from gfm_ra.errors import UserError
from gfm_ra.weights.card import NAME, read_card
from gfm_ra.weights.catalogue import FOLDER
from pipelines.runtime import paths
from pipelines.runtime.runs import git_commit

LARGEST_BYTES = 5_000_000
"""All weights in the package together: what a clone and a wheel can carry."""


def package(made: Path, to: Path, commit: str) -> Path:
    """Copy a folder of weights below `to`, its card with the commit that made it.

    Raises:
        UserError: other weights have that name and version already, or all together would be too large.
    """
    card, target = read_card(made), to / made.name
    if target.exists():
        known = read_card(target)
        if known.text["network"] == card.text["network"]:
            return target
        raise UserError(
            f"{target} holds other weights: results of a named version never change; raise release.version in "
            f"{paths.RELEASE_PARAMS}"
        )
    there = sum(file.stat().st_size for file in to.glob("*-*/*"))
    more = sum(file.stat().st_size for file in made.iterdir())
    if there + more > LARGEST_BYTES:
        raise UserError(
            f"{to} would hold {(there + more) / 1e6:.1f} MB, at most {LARGEST_BYTES / 1e6:.0f} MB travel in the "
            "package: remove an older version"
        )
    shutil.copytree(made, target)
    text = json.dumps(card.text | {"commit": commit}, indent=1, sort_keys=True)
    (target / NAME).write_text(f"{text}\n")
    return target


def main() -> None:
    """Copy everything that the chain has made; exit 1 with one line on an error."""
    try:
        made = sorted(path.parent for path in paths.RELEASE.glob(f"*/{NAME}"))
        if not made:
            raise UserError(f"{paths.RELEASE} holds no weights: run `make release`")
        for folder in made:
            print(package(folder, FOLDER, git_commit()))  # noqa: T201
    except UserError as error:
        print(f"package: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
