"""Learned allocators of the literature that stage train_peers has left, as methods of the suite."""

from pathlib import Path

from benchmarks.worlds.allocators import Method
from components.evaluation.peers import GOAL, answer, load_peer
from components.training.checkpoint import CONFIG_NAME
from gfm_ra.errors import InputError


def of_folder(folder: Path) -> dict[str, Method]:
    """Every peer and run below a folder, by name and run; what each answers is the same for every goal.

    Raises:
        InputError: there is none.
        DataError: one of them is damaged.
    """
    found = sorted(folder.glob(f"*/*/{CONFIG_NAME}"))
    if not found:
        raise InputError(f"--peers {folder}: no trained peers are there: `make worlds` trains them")
    methods: dict[str, Method] = {}
    for path in found:
        model, card = load_peer(path.parent)
        if card.title in methods:
            raise InputError(f"--peers {folder}: {path.parent} is a second {card.title}: remove one")
        methods[card.title] = lambda gain, goal, model=model: answer(model, gain)
    return methods


def trained_for(methods: dict[str, Method]) -> dict[str, str]:
    """The goal that each of these peers is made for."""
    return dict.fromkeys(methods, GOAL)
