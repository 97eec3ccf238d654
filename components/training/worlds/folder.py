"""Models for any goal as folders: the unrolled network with its card, and the transformer with goal prompts."""

from pathlib import Path

from components.config import Strict
from components.data.shards import json_text, sha256_of
from components.model.conditioning import GoalEnvelope
from components.model.inference import AnyGoalModel
from components.model.unrolled import packaged
from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from components.model.unrolled.single_draw import SingleDraw
from components.training.checkpoint import (
    CONFIG_NAME,
    MODEL_NAME,
    holds_unrolled,
    load_card,
    load_prompted_model,
    load_weights,
    read_model_card,
    save_tensors,
)
from components.training.worlds.config import WorldsConfig
from components.training.worlds.goals import GoalMixture
from components.training.worlds.loop import WorldsTraining

NETWORK_NAME = "network.npz"  # the weights once more, as the compiled core reads them


class UnrolledCard(Strict):
    """What the weights of an unrolled network need to be used: sizes, and the goals that it was trained on."""

    unrolled: UnrolledConfig
    goals: GoalEnvelope
    network_sha256: str  # of NETWORK_NAME


class PromptedTraining(WorldsTraining):
    """Training for any world whose result is a model folder."""

    def save_result(self, folder: Path) -> None:
        """Write weights and card into an existing folder."""
        save_unrolled(folder, self.network, self.config)


def save_unrolled(folder: Path, network: UnrolledNetwork, config: WorldsConfig) -> None:
    """Write weights and card of what was trained with `config` into an existing folder."""
    save_tensors(folder / MODEL_NAME, dict(network.state_dict()))
    packaged.save(network, folder / NETWORK_NAME)
    digest = sha256_of(folder / NETWORK_NAME)
    card = UnrolledCard(unrolled=config.network, goals=envelope_of(config.goals), network_sha256=digest)
    (folder / CONFIG_NAME).write_text(json_text(card.model_dump(mode="json")))


def envelope_of(goals: GoalMixture) -> GoalEnvelope:
    """The goals that a network trained on this mixture knows."""
    least = goals.min_rate
    return GoalEnvelope(
        max_alpha=goals.max_alpha, min_rate=(least.low, least.high), max_penalty=goals.penalty.high
    )


def load_unrolled_card(folder: Path) -> UnrolledCard:
    """Read the card of an unrolled network.

    Raises:
        DataError: it is missing or damaged.
    """
    return read_model_card(folder, UnrolledCard, "is not a model folder")


def load_unrolled(folder: Path) -> UnrolledNetwork:
    """Rebuild an unrolled network from the folder that `save_unrolled` filled.

    Raises:
        DataError: files are missing, damaged or do not belong together.
    """
    network = UnrolledNetwork(load_unrolled_card(folder).unrolled)
    load_weights(network, folder / MODEL_NAME)
    return network.eval()


def load_any_goal_model(folder: Path) -> AnyGoalModel:
    """Rebuild a model for any goal of either kind.

    Raises:
        DataError: files are missing or damaged, or it is a model of one objective.
    """
    return SingleDraw(load_unrolled(folder)).eval() if holds_unrolled(folder) else load_prompted_model(folder)


def takes_goals(folder: Path) -> bool:
    """Whether a model folder holds a model for any goal.

    Raises:
        DataError: its card is missing or damaged.
    """
    return holds_unrolled(folder) or load_card(folder).conditioning is not None


def goals_known(folder: Path) -> GoalEnvelope | None:
    """The goals that a model for any goal was trained on, None where they are the usual ones.

    Raises:
        DataError: its card is missing or damaged.
    """
    return load_unrolled_card(folder).goals if holds_unrolled(folder) else load_card(folder).goals
