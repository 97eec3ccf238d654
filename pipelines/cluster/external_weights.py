"""Weights trained elsewhere, by `python -m components.training` or `components.training.worlds` on a machine with GPUs,
in place of training."""

import hashlib
from pathlib import Path

from pydantic import Field

from components.config import Strict
from components.data.shards import DataError, read_json, sha256_of
from components.model.backbone import Backbone
from components.model.unrolled.network import UnrolledNetwork
from components.training.checkpoint import (
    BACKBONE_NAME,
    CONFIG_NAME,
    HISTORY_NAME,
    MODEL_NAME,
    ModelCard,
    load_card,
    load_prompted_model,
    load_weights,
    read_model_card,
)
from components.training.config import PretrainingConfig
from components.training.loop import Metrics
from components.training.worlds.config import WorldsConfig
from components.training.worlds.folder import save_unrolled
from pipelines.cluster.pretraining import Trained
from pipelines.cluster.session import ROOT
from pipelines.runtime.errors import UserError

# Of the last epoch: what the stage reports, and the status on it.
NEEDED = ("epoch", "validation_loss", "edge_rmse_db", "mean_predictor_rmse_db", "effective_rank")
NEEDED_OF_UNROLLED = ("epoch", "validation_loss")


class ExternalWeights(Strict):
    """A folder that `components.training` has left as `backbone/`, or `components.training.worlds` as `model/`; the
    digest makes its content a parameter."""

    folder: str = Field(min_length=1)  # from the repository's root
    sha256: str = ""


def digest_of(folder: Path, names: list[str]) -> str:
    """SHA-256 over the names and contents of files."""
    lines = [f"{name} {sha256_of(folder / name)}\n" for name in sorted(names)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def take(weights: ExternalWeights, algorithm: PretrainingConfig, made: Path) -> Trained:
    """Copy the model into `made`, a new folder, if it is the one that the parameters mean.

    Raises:
        UserError: it is of another architecture, or other content than expected.
        DataError: files are missing or damaged.
    """
    folder, conditioning = (
        ROOT / weights.folder,
        algorithm.conditioning if algorithm.goal_conditioned else None,
    )
    goals = algorithm.unusual_goals if conditioning else None
    card, wanted = (
        load_card(folder),
        ModelCard(backbone=algorithm.backbone, conditioning=conditioning, goals=goals),
    )
    if card != wanted:
        raise UserError(
            f"{folder}: architecture {card.model_dump()} is not that of section pretrain, {wanted.model_dump()}: "
            "change backbone in section pretrain (of the prompted model: under prompted), or take other weights"
        )
    names = [CONFIG_NAME, BACKBONE_NAME, *([MODEL_NAME] if conditioning else [])]
    load_weights(Backbone(card.backbone), folder / BACKBONE_NAME)
    if conditioning:
        load_prompted_model(folder)
    history = _checked_history(weights, folder, names, NEEDED)
    made.mkdir(parents=True, exist_ok=True)
    for name in names:
        (made / name).write_bytes((folder / name).read_bytes())
    return Trained(made, history, [["trained elsewhere", weights.folder]])


def take_unrolled(weights: ExternalWeights, algorithm: WorldsConfig, made: Path) -> Trained:
    """The same for an unrolled network, whose folder holds how it was trained.

    Raises:
        UserError: it has other sizes or was trained on other goals, or other content than expected.
        DataError: files are missing or damaged.
    """
    folder = ROOT / weights.folder
    trained = read_model_card(folder, WorldsConfig, "is not what components.training.worlds leaves")
    for name in ("network", "goals"):
        found, wanted = (getattr(config, name).model_dump() for config in (trained, algorithm))
        if found != wanted:
            raise UserError(
                f"{folder}: {name} {found} is not that of section pretrain, {wanted}: change {name} in "
                "pretrain.prompted, or take other weights"
            )
    network = UnrolledNetwork(trained.network)
    load_weights(network, folder / MODEL_NAME)
    history = _checked_history(weights, folder, [CONFIG_NAME, MODEL_NAME], NEEDED_OF_UNROLLED)
    made.mkdir(parents=True, exist_ok=True)
    save_unrolled(made, network, trained)
    return Trained(made, history, [["trained elsewhere", weights.folder]])


def _checked_history(
    weights: ExternalWeights, folder: Path, names: list[str], needed: tuple[str, ...]
) -> list[Metrics]:
    """The learning curve, if the folder's content is what the parameters mean."""
    history = read_json(folder / HISTORY_NAME)
    if not isinstance(history, list) or not history or not all(name in history[-1] for name in needed):
        raise DataError(f"{folder / HISTORY_NAME} is damaged: copy it again from where the model was trained")
    found = digest_of(folder, [*names, HISTORY_NAME])
    if found != weights.sha256:
        raise UserError(
            f"{folder} has the digest {found}, params.yaml says {weights.sha256 or 'nothing'}: "
            "write it into weights.sha256 of section pretrain if these are the weights that you mean"
        )
    return history
