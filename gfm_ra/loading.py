"""`gfm_ra.load`: from a name, a folder or a registered model to an allocator."""

import json
from pathlib import Path
from typing import Any

from gfm_ra.allocator import Allocator
from gfm_ra.errors import InputError
from gfm_ra.extensions import ALLOCATORS, added, goal_kind, loaded
from gfm_ra.inference.network import unrolled
from gfm_ra.inference.onnx_graph import OnnxGraph
from gfm_ra.weights import catalogue
from gfm_ra.weights.card import NAME, Card, check_bytes, read_card

REGISTRY = "models:/"
_MLFLOW_CARD, _EXPORTED_CARD = "MLmodel", "config.json"
_UNROLLED, _UNROLLED_NETWORK = "unrolled", "network.npz"
"""Key of an exported card with the sizes of an unrolled network, and its weights beside the card."""


def load(source: str | Path | None = None) -> Allocator:
    """An allocator that is ready to answer.

    Args:
        source: None for the newest weights in the package; a name of packaged weights, with or without version; a
            folder of weights, or of a model that MLflow exported; `models:/name@alias` or `models:/name/version` of an
            MLflow registry (MLFLOW_TRACKING_URI; needs `pip install gfm-ra[registry]`); the name of another package's
            allocator.

    Raises:
        InputError: there is nothing of that name, or it is damaged, newer than this program, or of something else.
    """
    if source is None:
        return _of_card(catalogue.find())
    if isinstance(source, str) and source.startswith(REGISTRY):
        from gfm_ra.inference.registered import fetched

        with fetched(source) as folder:
            return _of_export(folder, source)
    path = Path(source)
    if path.is_dir():
        return _of_folder(path)
    if isinstance(source, Path) or "/" in source:
        raise InputError(f"{source} is no folder: name a folder of weights, or weights of the package")
    if source in added(ALLOCATORS):
        return _foreign(loaded(ALLOCATORS, source)(), source)
    return _of_card(catalogue.find(source))


def _of_folder(path: Path) -> Allocator:
    if (path / NAME).is_file():
        return _of_card(read_card(path))
    if (path / _MLFLOW_CARD).is_file():
        return _of_export(path, str(path))
    raise InputError(f"{path} holds neither weights ({NAME}) nor an exported model ({_MLFLOW_CARD})")


def _of_card(card: Card) -> Allocator:
    if card.kind == "unrolled":
        network = unrolled.read(card.network, card.text["network"].get("architecture", {}))
        network.told.update(card.told)
        network.knows = card.knows
        return Allocator(network, None, card.envelope, card.full_name)
    return _allocator(OnnxGraph(card.network), card.objective, card.envelope, card.full_name)


def _of_export(folder: Path, name: str) -> Allocator:
    """A model that MLflow wrote: its graph, without running the program that lies beside it."""
    graphs = sorted((folder / "artifacts").glob("*.onnx"))
    checksums = sorted((folder / "artifacts").glob("*.sha256"))
    cards = sorted((folder / "artifacts").glob(f"*/{_EXPORTED_CARD}"))
    if len(graphs) != 1 or len(checksums) != 1 or len(cards) > 1:
        raise InputError(f"{name} is no model of gfm-ra: artifacts/ must hold one graph and its checksum")
    check_bytes(graphs[0], checksums[0].read_text().strip())
    card = _exported_card(cards[0]) if cards else {}
    if _UNROLLED in card:
        # The graph is for runtimes without this package: the core is some ten times as fast.
        weights = cards[0].with_name(_UNROLLED_NETWORK)
        check_bytes(weights, str(card.get("network_sha256")))
        return Allocator(unrolled.read(weights, card[_UNROLLED]), None, _envelope(card["goals"]), name)
    network = OnnxGraph(graphs[0])
    if not network.any_goal and not card:
        raise InputError(
            f"{name} does not say what it was tuned for: artifacts/*/{_EXPORTED_CARD} is missing"
        )
    return _allocator(network, card.get("objective"), _envelope(card.get("goals") or {}), name)


def _exported_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({error}): copy the model again") from None
    if not isinstance(card, dict):
        raise InputError(f"{path} is damaged: it holds a {type(card).__name__}: copy the model again")
    return card


def _envelope(goals: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """The goals that a model was trained on, as its card names them; the usual ones unless it does."""
    low, high = goals.get("min_rate", (0.1, 1.0))
    return {
        "alpha": (0.0, float(goals.get("max_alpha", 2.0))),
        "min_rate": (float(low), float(high)),
        "penalty": (0.0, float(goals.get("max_penalty", 30.0))),
    }


def _allocator(
    network: OnnxGraph, objective: str | None, envelope: dict[str, tuple[float, float]], name: str
) -> Allocator:
    if network.any_goal:
        return Allocator(network, None, envelope, name)
    kind = goal_kind(objective or "")
    if kind is None:
        raise InputError(
            f"{name} was tuned for {objective!r}, a goal that this program does not know: upgrade gfm-ra"
        )
    try:
        goal = kind()
    except TypeError:
        raise InputError(f"{name} was tuned for {objective!r}, but does not say for which numbers") from None
    return Allocator(network, goal, envelope, name)


def _foreign(network: Any, name: str) -> Allocator:  # noqa: ANN401
    """Another package's way to set powers, behind the same comparisons as our own networks."""
    if not callable(getattr(network, "powers", None)):
        raise InputError(f"{ALLOCATORS}: {name!r} made a {type(network).__name__}, which has no powers(...)")
    return Allocator(network, name=name)
