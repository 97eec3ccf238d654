"""An adaptation as a folder of weights, which `gfm_ra.load` and `gfm-ra allocate --model` take."""

from pathlib import Path

from components.data.shards import json_text, sha256_of
from components.model.unrolled import packaged
from components.training.adaptation.adapt import Adaptation
from components.training.adaptation.utility import OwnUtility
from gfm_ra.errors import InputError
from gfm_ra.goal_family import numbers_of
from gfm_ra.weights.card import FORMAT, NAME

NETWORK, READABLE = "network.npz", "card.md"


def check_folder(folder: Path) -> None:
    """Raise InputError unless a folder is new or empty, in a folder that is there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already: name a new folder")
    if not folder.absolute().parent.is_dir():
        raise InputError(f"{folder.absolute().parent} is no folder: make it first")


def save(found: Adaptation, folder: Path) -> None:
    """Write weights and card; the card last, so that a folder with one is whole.

    Raises:
        InputError: the folder is there and not empty.
    """
    check_folder(folder)
    folder.mkdir(exist_ok=True)
    packaged.save(found.network, folder / NETWORK)
    goal = found.goal
    numbers = None if isinstance(goal, OwnUtility) else numbers_of(goal)
    text = found.parent.text | {
        "format": FORMAT,
        "name": folder.absolute().name,
        "version": 1,
        "network": {
            "kind": "unrolled",
            "file": NETWORK,
            "sha256": sha256_of(folder / NETWORK),
            "architecture": packaged.architecture(found.network),
            "knows": sorted(found.knows),
            "told": [] if found.told is None else [{"goal": numbers, "numbers": found.told}],
        },
        "adapted": {
            "from": found.parent.full_name,
            "from_sha256": found.parent.text["network"]["sha256"],
            "goal": goal.name,
            "goal_numbers": numbers,
            "way": found.way,
            "samples": found.samples,
            "seed": found.seed,
            "utility_per_link_over_zero_shot": list(found.difference),
            "kept": "adapted" if found.adapted else "zero-shot",
        },
    }
    text.pop("results", None)  # those of the parent
    (folder / READABLE).write_text(_readable(found, text["name"]))
    (folder / NAME).write_text(json_text(text))


def _readable(found: Adaptation, name: str) -> str:
    value, low, high = found.difference
    verdict = "is kept" if found.adapted else "is thrown away: these are the weights of the parent"
    told = "the goal's own" if found.told is None else ", ".join(f"{number:g}" for number in found.told)
    return (
        f"# {name}\n\n"
        f"{found.parent.full_name}, adapted by {found.way} to {found.goal.name} with {found.samples} networks, of "
        "which half were held back.\n\n"
        "- Utility per link on the held-back half, over zero-shot, effort fast: "
        f"{value:+.5g} [{low:+.5g}, {high:+.5g}] (95 %); what was learnt {verdict}.\n"
        f"- Numbers that the network is told (alpha, least rate in bit/s/Hz, penalty): {told}.\n"
    )
