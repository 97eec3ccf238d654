"""What a backbone is worth downstream: zero-shot, with few samples and with hidden gains, against WMMSE-Best."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from components.channel.masking import random_pair_mask
from components.channel.torch_rng import torch_stream
from components.config import Strict
from components.data.batches import Group
from components.evaluation.scores import score
from components.model.inference import allocate_batches
from components.model.prompted import FixedGoal
from components.training.checkpoint import load_card, load_prompted_model, model_from_backbone
from components.training.finetuning import Finetuning, FinetuningConfig, TunableModel
from gfm_ra.goals import SumRate, by_name

FEW_SHOT, ZERO_SHOT = "few_shot_ratio", "zero_shot_ratio"


class FewShotConfig(Strict):
    """The downstream trial by which backbones are compared; never on test snapshots."""

    objective: str = SumRate.name
    scenario: str = "D16"
    shots: int = Field(default=64, ge=1)
    more_shots: tuple[Annotated[int, Field(ge=1)], ...] = ()  # evaluated as well
    hidden: tuple[
        Annotated[float, Field(ge=0, lt=1)], ...
    ] = ()  # shares of pairs hidden at inference, as well
    val_rows: int = Field(default=200, ge=1)
    reference_starts: int = Field(default=20, ge=1)
    recipe: FinetuningConfig = FinetuningConfig()  # with `updates_per_epoch` all sample sizes train alike

    @field_validator("objective")
    @classmethod
    def _is_known(cls, name: str) -> str:
        by_name(name)
        return name

    @property
    def most_shots(self) -> int:
        """Training snapshots that it needs."""
        return max(self.shots, *self.more_shots, 1)


def few_shot_name(shots: int, config: FewShotConfig) -> str:
    """What the ratio after adaptation with so many samples is called."""
    return FEW_SHOT if shots == config.shots else f"{FEW_SHOT}_{shots}"


def hidden_name(share: float) -> str:
    """What the ratio with a share of the pairs hidden at inference is called."""
    return f"hidden_{share:g}_ratio"


def few_shot_ratio(
    model: TunableModel,
    train: np.ndarray,
    val: np.ndarray,
    config: FewShotConfig,
    reference: float,
    seed: int,
    group: Group | None = None,
) -> float:
    """Mean validation score after adaptation over the reference's.

    Args:
        model: the power model to adapt, changed in place; its backbone is what is being evaluated.
        train: gain_db [shots, K, K].
        val: gain_db [N, K, K], never the test split.
        config: recipe and objective.
        reference: mean score of the reference on the same snapshots, as `components.evaluation.reference_score` has it.
        seed: of batches.
        group: where to train; only its device counts.
    """
    place = Group(device=group.device) if group is not None else Group()
    loop = Finetuning(config.recipe, model, by_name(config.objective), [train], [val], seed, place)
    loop.run(lambda metrics, save: None, lambda done, total, count: None)
    return ratio(model, val, config, reference)


def ratio(
    model: TunableModel,
    val: np.ndarray,
    config: FewShotConfig,
    reference: float,
    hidden: np.ndarray | None = None,
) -> float:
    """Mean score of a model's powers over the reference's; hidden [N, K, K] bool: gains that the model does not see."""
    powers = allocate_batches(model, val, hidden=hidden)
    return float(score(config.objective, powers, val).mean() / reference)


def evaluate(
    folder: Path,
    train: np.ndarray,
    val: np.ndarray,
    config: FewShotConfig,
    reference: float,
    seed: int,
    group: Group | None = None,
    headline_only: bool = False,
) -> dict[str, float]:
    """Every downstream ratio of a pre-trained model folder; zero-shot only if it is goal-conditioned.

    `headline_only`: without `more_shots` and `hidden`, for a look during training.

    Raises:
        DataError: files are missing or damaged.
    """
    place = Group(device=group.device) if group is not None else Group()
    found = {}
    conditioned = load_card(folder).conditioning is not None
    if conditioned:
        model = _open(folder, config, conditioned, seed).to(place.device)
        found[ZERO_SHOT] = ratio(model, val, config, reference)
    more = () if headline_only else config.more_shots
    for shots in sorted({config.shots, *more}):
        model = _open(folder, config, conditioned, seed)
        few = few_shot_ratio(model, train[:shots], val, config, reference, seed, place)
        found[few_shot_name(shots, config)] = few
        if shots == config.shots and not headline_only:
            for share in config.hidden:
                mask = hidden_pairs(val.shape, share, seed)
                found[hidden_name(share)] = ratio(model, val, config, reference, mask)
    return found


def hidden_pairs(shape: tuple[int, ...], share: float, seed: int) -> np.ndarray:
    """The same mask for every backbone: [N, K, K] bool, symmetric, a share of the pairs of every snapshot."""
    generator = torch_stream(seed, "fewshot", "hidden", f"{share:g}")
    return random_pair_mask(shape[0], shape[-1], share, generator).numpy()


def _open(folder: Path, config: FewShotConfig, conditioned: bool, seed: int) -> TunableModel:
    if conditioned:
        return FixedGoal(load_prompted_model(folder), by_name(config.objective))
    return model_from_backbone(folder, seed)
