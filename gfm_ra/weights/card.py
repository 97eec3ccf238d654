"""The card of a folder of weights, `card.json`: what it is, what it was trained on, how good it is."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from gfm_ra.errors import InputError
from gfm_ra.goal_family import Numbers

NAME = "card.json"
FORMAT = 3
"""Newest form of the card that this program reads."""
KINDS = ("onnx", "unrolled")
"""Networks that this program runs: by onnxruntime, and by the compiled core."""
_SUM_RATE: Numbers = (0.0, 0.0, 0.0)
_WANTED = {"name": str, "version": int, "network": dict, "envelope": dict, "licence": str, "released": str}


class Card(NamedTuple):
    """A folder of weights whose bytes are those that were released."""

    folder: Path
    name: str
    version: int
    released: str  # ISO date
    network: Path
    kind: str  # of the network's file, one of KINDS
    objective: str | None  # the one goal of a tuned head, None for any goal
    envelope: dict[
        str, tuple[float, float]
    ]  # smallest and largest value that was trained, by the goal's numbers
    told: dict[Numbers | None, Numbers]  # what an adapted network is told instead of a goal's own numbers
    knows: frozenset[str]  # what it was trained for beside exact gains and the goals of the family
    text: dict[str, Any]  # everything that the file says

    @property
    def full_name(self) -> str:
        """Name and version, as the folder is called."""
        return f"{self.name}-{self.version}"


def read_card(folder: Path) -> Card:
    """The card of a folder, after checking its network's bytes.

    Raises:
        InputError: there is no card, or it is damaged, newer than this program, or of something else; or the network's
            bytes are not those that the card names.
    """
    path = folder / NAME
    text = _parsed(path)
    newest = text.get("format")
    if not isinstance(newest, int):
        raise InputError(f"{path} is no card of gfm-ra weights: it names no format")
    if newest > FORMAT:
        raise InputError(f"{path} has format {newest}, this program reads up to {FORMAT}: upgrade gfm-ra")
    for key, kind in _WANTED.items():
        if not isinstance(text.get(key), kind):
            raise InputError(
                f"{path} is damaged: {key} is missing or no {kind.__name__}: copy the folder again"
            )
    network, kind = text["network"], text["network"].get("kind")
    if kind not in KINDS:
        raise InputError(
            f"{path} names a network of kind {kind!r}, this program runs {' and '.join(KINDS)}: upgrade gfm-ra"
        )
    file = folder / Path(str(network.get("file"))).name
    check_bytes(file, str(network.get("sha256")))
    try:
        envelope = {name: (float(low), float(high)) for name, (low, high) in text["envelope"].items()}
    except (TypeError, ValueError):
        raise InputError(
            f"{path} is damaged: envelope must hold pairs of numbers: copy the folder again"
        ) from None
    try:
        told = {
            _numbers(each["goal"]): _numbers(each["numbers"]) or _SUM_RATE for each in network.get("told", ())
        }
    except (TypeError, ValueError, KeyError):
        raise InputError(
            f"{path} is damaged: told must hold triples of numbers: copy the folder again"
        ) from None
    knows = network.get("knows", [])
    if not isinstance(knows, list) or not all(isinstance(name, str) for name in knows):
        raise InputError(f"{path} is damaged: knows must hold names: copy the folder again")
    return Card(
        folder,
        text["name"],
        text["version"],
        text["released"],
        file,
        kind,
        text.get("objective"),
        envelope,
        told,
        frozenset(knows),
        text,
    )


def _numbers(given: object) -> Numbers | None:
    if given is None:
        return None
    alpha, min_rate, penalty = given  # type: ignore[misc]
    return float(alpha), float(min_rate), float(penalty)


def check_bytes(path: Path, expected: str) -> None:
    """Raise InputError unless a file's SHA-256 is the expected one."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path} is missing: copy the folder of weights again") from None
    if found != expected:
        raise InputError(
            f"{path} is damaged: its SHA-256 is not the card's: copy the folder of weights again"
        )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.parent} is no folder of weights: {NAME} is missing") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): copy the folder of weights again") from None
    if not isinstance(text, dict):
        raise InputError(f"{path} is no card of gfm-ra weights: it holds a {type(text).__name__}")
    return text
