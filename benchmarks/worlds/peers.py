"""Learned allocators of the literature that stage train_peers has left, as methods of the suite."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.worlds.allocators import Method
from components.evaluation.peers import GOAL, answer, load_peer
from components.training.checkpoint import CONFIG_NAME
from gfm_ra.errors import InputError


def of_folder(folder: Path, runs: Sequence[int] | None = None) -> dict[str, Method]:
    """Every peer and run below a folder, or these runs alone; what each answers is the same for every goal.

    Raises:
        InputError: there is none, or a peer lacks one of the runs.
        DataError: one of them is damaged.
    """
    places = sorted(path.parent for path in folder.glob(f"*/*/{CONFIG_NAME}"))
    if not places:
        raise InputError(f"--peers {folder}: no trained peers are there: `make worlds` trains them")
    if runs is not None:  # runs of earlier parameters may lie beside them
        peers = dict.fromkeys(place.parent for place in places)
        wanted = [peer / str(run) for peer in peers for run in dict.fromkeys(runs)]
        if missing := [place for place in wanted if place not in places]:
            raise InputError(f"--runs: {missing[0]} holds no trained peer: `make worlds` trains it")
        places = wanted
    methods: dict[str, Method] = {}
    for place in places:
        model, card = load_peer(place)
        if card.title in methods:
            raise InputError(f"--peers {folder}: {place} is a second {card.title}: remove one")
        methods[card.title] = lambda gain, goal, model=model: answer(model, gain)
    return methods


def trained_for(methods: dict[str, Method]) -> dict[str, str]:
    """The goal that each of these peers is made for."""
    return dict.fromkeys(methods, GOAL)
