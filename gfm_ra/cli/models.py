"""`gfm-ra models`: weights in the package, and in a clone the registry's models."""

import argparse
import sys

from gfm_ra.cli import workshop
from gfm_ra.cli.tables import table
from gfm_ra.errors import InputError, UserError
from gfm_ra.weights import catalogue
from gfm_ra.weights.card import read_card


def command(chosen: argparse.Namespace) -> int:
    """List weights, show a card, or hand over to the registry's commands."""
    words = list(chosen.words)
    if words in ([], ["list"]):
        return _list()
    if words[:1] == ["show"] and len(words) == 2 and _is_packaged(words[1]):
        return _show(words[1])
    if words[:1] == ["show"] and not workshop.is_there():
        raise InputError(
            f"there are no weights {' '.join(words[1:])!r} (there are: {', '.join(catalogue.folders())})"
        )
    return workshop.run(["models", *words])


def _list() -> int:
    rows = []
    for name, folder in catalogue.folders().items():
        card = read_card(folder)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
        rows.append([name, card.objective or "any", card.released, f"{size:.1f} MB"])
    print(table(["weights", "goal", "released", "size"], rows, left=2))  # noqa: T201
    registry = workshop.module("pipelines.cli.models")
    if registry is not None:
        sys.stdout.flush()
        try:
            registry.list_models()  # type: ignore[attr-defined] # pyright: ignore
        except UserError as error:  # the packaged ones are there without any registry
            print(f"gfm-ra: {error}", file=sys.stderr)  # noqa: T201
    return 0


def _is_packaged(name: str) -> bool:
    return any(name in (full, full.rpartition("-")[0]) for full in catalogue.folders())


def _show(name: str) -> int:
    print((catalogue.find(name).folder / "card.md").read_text())  # noqa: T201
    return 0
