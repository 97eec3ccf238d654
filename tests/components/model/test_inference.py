"""A model over a data set: the same powers whatever the batches, the memory or the model."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from components.model import inference
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.inference import allocate_batches
from components.model.pcgnn.network import PCGNNConfig, fresh_pcgnn
from components.model.prompted import ConditioningConfig, FixedGoal, PromptedModel
from gfm_ra.goals import Objective, ProportionalFair, QoS, SumRate, Weighted

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
COUNT, LINKS = 7, 5
GAIN_DB = np.random.default_rng(0).normal(7.0, 15.0, (COUNT, LINKS, LINKS)).astype(np.float16)
HIDDEN = (np.random.default_rng(1).random(GAIN_DB.shape) < 0.3) & ~np.eye(LINKS, dtype=bool)
WEIGHTS = {
    "none": None,
    "per link": np.arange(1.0, LINKS + 1),
    "one row": np.arange(1.0, LINKS + 1)[None],
    "per snapshot": np.random.default_rng(3).uniform(0.1, 4.0, (COUNT, LINKS)),
}


def prompted() -> PromptedModel:
    torch.manual_seed(0)
    return PromptedModel(CONFIG, ConditioningConfig(estimate_rank=4))


def one_goal(kind: str) -> nn.Module:
    torch.manual_seed(0)
    if kind == "head":
        return PowerModel(CONFIG)
    return fresh_pcgnn(PCGNNConfig(), 0) if kind == "pcgnn" else FixedGoal(prompted(), QoS())


@pytest.mark.parametrize("kind", ["head", "pcgnn", "fixed"])
@pytest.mark.parametrize("hidden", [None, HIDDEN], ids=["known", "hidden"])
def test_powers_are_the_models(kind: str, hidden: np.ndarray | None) -> None:
    model = one_goal(kind)
    mask = None if hidden is None else torch.from_numpy(hidden | hidden.swapaxes(1, 2))
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(GAIN_DB).float(), mask).numpy()
    for gain_db in (GAIN_DB, torch.from_numpy(GAIN_DB)):
        found = allocate_batches(model.train(), gain_db, hidden=hidden)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert found.dtype == np.float32
    assert not model.training


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("hidden", [None, HIDDEN], ids=["known", "hidden"])
def test_powers_do_not_depend_on_the_batch_size(weights: str, hidden: np.ndarray | None) -> None:
    given = WEIGHTS[weights]
    goal: Objective = ProportionalFair() if given is None else Weighted(ProportionalFair(), given)
    model = prompted()
    whole = allocate_batches(model, GAIN_DB, goal, hidden)
    assert whole.shape == (COUNT, LINKS)
    for batch_size in (1, 3, COUNT):
        found = allocate_batches(model, GAIN_DB, goal, hidden, batch_size)
        np.testing.assert_allclose(found, whole, atol=1e-5)


def test_large_networks_come_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.level = nn.Parameter(torch.tensor(0.5))

        def forward(self, gain_db: Tensor, mask: Tensor | None) -> Tensor:
            sizes.append(len(gain_db))
            return self.level.expand(gain_db.shape[:2])

    monkeypatch.setattr(inference, "_LARGEST_BATCH_GAINS", 3 * LINKS**2)
    assert (allocate_batches(Model(), GAIN_DB) == 0.5).all()
    monkeypatch.setattr(inference, "_LARGEST_BATCH_GAINS", LINKS**2 // 2)  # not even one: one all the same
    allocate_batches(Model(), GAIN_DB)
    assert sizes == [3, 3, 1] + [1] * COUNT


def test_no_snapshots_give_no_powers() -> None:
    assert allocate_batches(one_goal("head"), GAIN_DB[:0]).shape == (0, LINKS)


def test_a_goal_is_given_exactly_where_it_is_wanted() -> None:
    with pytest.raises(ValueError, match="PromptedModel needs a goal"):
        allocate_batches(prompted(), GAIN_DB)
    with pytest.raises(ValueError, match="PowerModel has its goal already"):
        allocate_batches(one_goal("head"), GAIN_DB, SumRate())


def test_weights_of_other_snapshots_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 7 snapshots"):
        allocate_batches(prompted(), GAIN_DB, Weighted(SumRate(), np.ones((3, LINKS))))


def test_a_pair_is_hidden_if_either_direction_is() -> None:
    one_way = np.zeros(GAIN_DB.shape, dtype=bool)
    one_way[:, 1, 4] = True
    both = one_way | one_way.swapaxes(1, 2)
    garbled = np.where(both, np.nan, GAIN_DB)
    power = allocate_batches(prompted(), garbled, SumRate(), one_way)
    np.testing.assert_array_equal(power, allocate_batches(prompted(), GAIN_DB, SumRate(), both))
    assert np.abs(power - allocate_batches(prompted(), GAIN_DB, SumRate())).max() > 1e-6
    assert one_way.sum() == COUNT  # what the caller gave is as it was
