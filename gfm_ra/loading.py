"""`gfm_ra.load`: from a name, a folder or a registered model to an allocator."""

import json
from pathlib import Path
from typing import Any

from gfm_ra.allocator import Allocator
from gfm_ra.errors import InputError
from gfm_ra.extensions import ALLOCATORS, added, goal_kind, loaded
from gfm_ra.inference.onnx_graph import OnnxGraph
from gfm_ra.weights import catalogue
from gfm_ra.weights.card import NAME, Card, check_bytes, read_card

REGISTRY = "models:/"
_MLFLOW_CARD = "MLmodel"


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
        return _checked(loaded(ALLOCATORS, source)(), source)
    return _of_card(catalogue.find(source))


def _of_folder(path: Path) -> Allocator:
    if (path / NAME).is_file():
        return _of_card(read_card(path))
    if (path / _MLFLOW_CARD).is_file():
        return _of_export(path, str(path))
    raise InputError(f"{path} holds neither weights ({NAME}) nor an exported model ({_MLFLOW_CARD})")


def _of_card(card: Card) -> Allocator:
    return _allocator(OnnxGraph(card.network), card.objective, card.envelope, card.full_name)


def _of_export(folder: Path, name: str) -> Allocator:
    """A model that MLflow wrote: its graph, without running the program that lies beside it."""
    graphs = sorted((folder / "artifacts").glob("*.onnx"))
    checksums = sorted((folder / "artifacts").glob("*.sha256"))
    cards = sorted((folder / "artifacts").glob("*/config.json"))
    if len(graphs) != 1 or len(checksums) != 1 or len(cards) != 1:
        raise InputError(
            f"{name} is no model of gfm-ra: artifacts/ must hold one graph, its checksum and its card"
        )
    check_bytes(graphs[0], checksums[0].read_text().strip())
    try:
        text = json.loads(cards[0].read_bytes())
        envelope = {
            key: (float(low), float(high)) for key, (low, high) in (text.get("envelope") or {}).items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{cards[0]} is damaged ({error}): copy the model again") from None
    return _allocator(OnnxGraph(graphs[0]), text.get("objective"), envelope, name)


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
    return Allocator(network, kind(), envelope, name)


def _checked(found: Any, name: str) -> Allocator:  # noqa: ANN401
    if not callable(getattr(found, "allocate", None)):
        raise InputError(f"{ALLOCATORS}: {name!r} made a {type(found).__name__}, which has no allocate(...)")
    return found
