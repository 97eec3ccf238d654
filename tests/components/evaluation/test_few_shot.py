"""Laws of the downstream trial that ranks backbones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from components.channel.scenario import Scenario
from components.channel.simulator import simulate
from components.data.batches import Group
from components.evaluation import few_shot
from components.evaluation.few_shot import (
    FEW_SHOT,
    ZERO_SHOT,
    FewShotConfig,
    evaluate,
    few_shot_ratio,
    hidden_pairs,
)
from components.evaluation.reference_score import reference_score
from components.evaluation.scores import score
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.inference import allocate_batches
from components.training.config import PretrainingConfig
from components.training.finetuning import Finetuning, FinetuningConfig
from components.training.pretraining import Pretraining
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain, to_gain_db

WORLD = Scenario("test", links=6, min_distance_m=1.0, max_distance_m=100.0, area_m=400.0)
RECIPE = FinetuningConfig(
    warmup_epochs=0, epochs=12, batch_size=8, backbone_learning_rate=1e-3, head_learning_rate=1e-2
)
CONFIG = FewShotConfig(shots=32, reference_starts=5, recipe=RECIPE)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    gain_db = to_gain_db(simulate(WORLD, 96, 0)).astype(np.float16)
    return gain_db[:32], gain_db[32:]


def model() -> PowerModel:
    torch.manual_seed(0)
    return PowerModel(BackboneConfig(layers=1, width=16, heads=4, bias_width=8))


def adapted_ratio(
    adapted: PowerModel, train: np.ndarray, val: np.ndarray, config: FewShotConfig, seed: int
) -> float:
    return few_shot_ratio(adapted, train, val, config, reference_score(val, config, seed), seed)


def test_ratio_is_the_adapted_models_mean_over_wmmse_best(data: tuple[np.ndarray, np.ndarray]) -> None:
    adapted = model()
    ratio = adapted_ratio(adapted, *data, CONFIG, seed=3)
    best = score("sum-rate", wmmse(to_gain(data[1]), starts=5, seed=3), data[1]).mean()
    assert ratio == pytest.approx(
        score("sum-rate", allocate_batches(adapted, data[1]), data[1]).mean() / best
    )


def test_adapting_improves_on_the_model_as_it_was(data: tuple[np.ndarray, np.ndarray]) -> None:
    best = score("sum-rate", wmmse(to_gain(data[1]), starts=5, seed=0), data[1]).mean()
    before = score("sum-rate", allocate_batches(model(), data[1]), data[1]).mean() / best
    assert before + 0.02 < adapted_ratio(model(), *data, CONFIG, seed=0) < 1.02


def test_what_it_judges_by_is_not_trained_on(data: tuple[np.ndarray, np.ndarray]) -> None:
    train, val = data
    first, second, other = model(), model(), model()
    adapted_ratio(first, train, val[:32], CONFIG, seed=0)
    adapted_ratio(second, train, val[32:], CONFIG, seed=0)
    adapted_ratio(other, val[:32], val[32:], CONFIG, seed=0)
    assert torch.equal(model_weights(first), model_weights(second))
    assert not torch.equal(model_weights(first), model_weights(other))


def model_weights(adapted: PowerModel) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in adapted.parameters()])


def test_same_seed_gives_the_same_ratio(data: tuple[np.ndarray, np.ndarray]) -> None:
    first, again, other = (adapted_ratio(model(), *data, CONFIG, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_all_sample_sizes_train_alike(
    data: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Finetuning] = []

    def make(*arguments: Any) -> Finetuning:
        made.append(Finetuning(*arguments))
        return made[-1]

    monkeypatch.setattr(few_shot, "Finetuning", make)
    recipe = RECIPE.model_copy(update={"warmup_epochs": 1, "epochs": 2, "updates_per_epoch": 3})
    for shots in (4, 16, 40):
        adapted_ratio(model(), data[0][:shots], data[1], CONFIG.model_copy(update={"recipe": recipe}), seed=0)
    assert [loop.steps_done for loop in made] == [9, 9, 9]


@pytest.fixture(scope="module")
def pretrained(
    tmp_path_factory: pytest.TempPathFactory, data: tuple[np.ndarray, np.ndarray]
) -> dict[float, Path]:
    """Model folders by mu: Algorithm 1's and a goal-conditioned one."""
    folders = {}
    for weight in (0.0, 10.0):
        config = PretrainingConfig(
            backbone=BackboneConfig(layers=1, width=16, heads=4, bias_width=8), epochs=1, batch_size=16,
            learning_rate=1e-3, utility_weight=weight,
        )  # fmt: skip
        loop = Pretraining(config, [data[0]], [data[1][:8]], 0, Group())
        folders[weight] = tmp_path_factory.mktemp("model")
        loop.run(
            lambda metrics, save, folder=folders[weight], loop=loop: loop.save_result(folder), lambda *_: None
        )
    return folders


def test_every_question_is_answered_and_zero_shot_only_where_there_is_a_head(
    pretrained: dict[float, Path], data: tuple[np.ndarray, np.ndarray]
) -> None:
    config = CONFIG.model_copy(update={"shots": 8, "more_shots": (16, 32), "hidden": (0.0, 0.5)})
    reference = reference_score(data[1], config, 0)
    plain, conditioned = (evaluate(pretrained[mu], *data, config, reference, 0) for mu in (0.0, 10.0))
    asked = {FEW_SHOT, "few_shot_ratio_16", "few_shot_ratio_32", "hidden_0_ratio", "hidden_0.5_ratio"}
    assert set(plain) == asked
    assert set(conditioned) == asked | {ZERO_SHOT}
    assert all(0.1 < value < 1.1 for value in (plain | conditioned).values())
    # Nothing hidden is nothing changed, and each ratio is what it would be alone.
    assert plain["hidden_0_ratio"] == pytest.approx(plain[FEW_SHOT])
    alone = evaluate(pretrained[0.0], *data, config, reference, 0, headline_only=True)
    assert alone == {FEW_SHOT: plain[FEW_SHOT]}


def test_hidden_pairs_are_the_same_for_every_backbone_and_as_many_as_said() -> None:
    mask = hidden_pairs((4, 6, 6), 0.4, seed=1)
    assert (mask == hidden_pairs((4, 6, 6), 0.4, seed=1)).all()
    assert (mask == mask.transpose(0, 2, 1)).all()
    assert mask.sum((1, 2)).tolist() == [2 * round(0.4 * 15)] * 4
