"""Laws of the downstream trial that ranks backbones."""

import numpy as np
import pytest
import torch

from components.backbone import BackboneConfig
from components.channel import simulate
from components.evaluation import model_powers, score
from components.fewshot import FewShotConfig, few_shot_ratio
from components.finetuning import FinetuningConfig
from components.heads import PowerModel
from components.scenario import Scenario
from components.shards import to_gain, to_gain_db
from components.solvers import wmmse

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


def test_ratio_is_the_adapted_models_mean_over_wmmse_best(data: tuple[np.ndarray, np.ndarray]) -> None:
    adapted = model()
    ratio = few_shot_ratio(adapted, *data, CONFIG, seed=3)
    best = score("sum-rate", wmmse(to_gain(data[1]), starts=5, seed=3), data[1]).mean()
    assert ratio == pytest.approx(score("sum-rate", model_powers(adapted, data[1]), data[1]).mean() / best)


def test_adapting_improves_on_the_model_as_it_was(data: tuple[np.ndarray, np.ndarray]) -> None:
    best = score("sum-rate", wmmse(to_gain(data[1]), starts=5, seed=0), data[1]).mean()
    before = score("sum-rate", model_powers(model(), data[1]), data[1]).mean() / best
    assert before + 0.02 < few_shot_ratio(model(), *data, CONFIG, seed=0) < 1.02


def test_what_it_judges_by_is_not_trained_on(data: tuple[np.ndarray, np.ndarray]) -> None:
    train, val = data
    first, second, other = model(), model(), model()
    few_shot_ratio(first, train, val[:32], CONFIG, seed=0)
    few_shot_ratio(second, train, val[32:], CONFIG, seed=0)
    few_shot_ratio(other, val[:32], val[32:], CONFIG, seed=0)
    assert torch.equal(model_weights(first), model_weights(second))
    assert not torch.equal(model_weights(first), model_weights(other))


def model_weights(adapted: PowerModel) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in adapted.parameters()])


def test_same_seed_gives_the_same_ratio(data: tuple[np.ndarray, np.ndarray]) -> None:
    first, again, other = (few_shot_ratio(model(), *data, CONFIG, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
