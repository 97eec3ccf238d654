"""Laws of the goal-conditioned model: what it may read, and what it must not."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.channel.masking import random_pair_mask
from components.model.conditioning import Goals, goal_loss, goals_of
from components.model.heads import PowerHead
from components.model.prompted import (
    FixedGoal,
    PromptedModel,
)
from components.model.rates import spectral_efficiency
from gfm_ra.goals import (
    AlphaFair,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
)
from gfm_ra.units import db_to_linear
from tests.components.model.prompted_models import CONFIG, GRAPHS, LINKS, PADDING, drawn, make

OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)]


@pytest.fixture(scope="module", params=[2, 0], ids=["feedback", "prompt-only"])
def model(request: pytest.FixtureRequest) -> PromptedModel:
    return make(request.param)


def gains_db(links: int = LINKS, seed: int = 0, batch: int = GRAPHS) -> torch.Tensor:
    gain_db = 7.0 + 15.0 * torch.randn(batch, links, links, generator=torch.Generator().manual_seed(seed))
    return gain_db + 35.0 * torch.eye(links)


def hidden(links: int = LINKS, ratio: float = 0.4) -> torch.Tensor:
    return random_pair_mask(GRAPHS, links, ratio, torch.Generator().manual_seed(5))


# --- what the powers depend on ---


@pytest.mark.parametrize("masked", [False, True])
def test_permuting_links_and_weights_permutes_powers(model: PromptedModel, masked: bool) -> None:
    gain_db, goals, mask = gains_db(), drawn(), hidden() if masked else None
    order = torch.randperm(LINKS, generator=torch.Generator().manual_seed(1))
    moved = None if mask is None else mask[:, order][:, :, order]
    power = model(gain_db[:, order][:, :, order], Goals(goals.parameters, goals.weights[:, order]), moved)
    torch.testing.assert_close(power, model(gain_db, goals, mask)[:, order], atol=2e-5, rtol=0)


@pytest.mark.xfail(reason="the eight strongest links are no set where more of them are equal", strict=True)
def test_equal_links_get_equal_powers(model: PromptedModel) -> None:
    gain_db = torch.full((1, 12, 12), 20.0) + 20.0 * torch.eye(12)
    power = model(gain_db, goals_of(SumRate(), 1, 12))
    assert power.max() - power.min() < 1e-4


@pytest.mark.parametrize("steps", [2, 0])
def test_without_landmarks_equal_links_get_equal_powers(steps: int) -> None:
    made = make(steps, CONFIG.model_copy(update={"node_features": "direct"}))
    gain_db = torch.full((1, 12, 12), 20.0) + 20.0 * torch.eye(12)
    power = made(gain_db, goals_of(SumRate(), 1, 12))
    assert power.max() - power.min() < 1e-4


@given(links=st.integers(1, 40), seed=st.integers(0, 1000))
def test_any_number_of_links_gets_powers_that_do_not_depend_on_the_batch(links: int, seed: int) -> None:
    made, gain_db, goals = make(), gains_db(links, seed), drawn(links)
    power = made(gain_db, goals)
    assert ((power >= 0) & (power <= 1)).all()
    one = made(gain_db[1:2], Goals(*(part[1:2] for part in goals)))
    torch.testing.assert_close(power[1:2], one, atol=1e-5, rtol=0)


def test_graphs_of_a_batch_do_not_see_each_others_goals(model: PromptedModel) -> None:
    gain_db, goals = gains_db(), drawn()
    alone = [model(gain_db[b : b + 1], Goals(*(part[b : b + 1] for part in goals))) for b in range(GRAPHS)]
    torch.testing.assert_close(model(gain_db, goals), torch.cat(alone), atol=1e-5, rtol=0)


@pytest.mark.parametrize("garbage_db", [-500.0, 0.0, 150.0, math.nan])
@pytest.mark.parametrize("masked", [False, True])
def test_padding_leaves_real_links_alone(model: PromptedModel, masked: bool, garbage_db: float) -> None:
    gain_db, goals, total = gains_db(), drawn(), LINKS + PADDING
    padded = garbage_db + gains_db(total, seed=7)
    padded[:, :LINKS, :LINKS] = gain_db
    weights = torch.full((GRAPHS, total), 50.0)
    weights[:, :LINKS] = goals.weights
    mask, wide = None, None
    if masked:
        mask, wide = hidden(), torch.zeros(GRAPHS, total, total, dtype=torch.bool)
        wide[:, :LINKS, :LINKS] = mask
    real = (torch.arange(total) < LINKS).expand(GRAPHS, total)
    power = model(padded, Goals(goals.parameters, weights), wide, real)[:, :LINKS]
    torch.testing.assert_close(power, model(gain_db, goals, mask), atol=2e-5, rtol=0)


def test_a_graph_that_is_all_padding_stays_finite(model: PromptedModel) -> None:
    nobody = torch.zeros(GRAPHS, LINKS, dtype=torch.bool)
    assert model(gains_db(), drawn(), hidden(), nobody).isfinite().all()


@pytest.mark.parametrize("replacement_db", [-1000.0, 0.0, 180.0, math.nan])
def test_a_hidden_gain_changes_nothing(model: PromptedModel, replacement_db: float) -> None:
    gain_db, mask = gains_db(), hidden()
    changed = torch.where(mask, replacement_db, gain_db)
    assert torch.equal(model(changed, drawn(), mask), model(gain_db, drawn(), mask))


def test_with_every_pair_hidden_own_gains_and_goal_decide(model: PromptedModel) -> None:
    everything = hidden(ratio=1.0)
    power = model(torch.where(everything, math.nan, gains_db()), drawn(), everything)
    assert power.isfinite().all()
    assert power.std() > 1e-3


def test_every_visible_gain_counts(model: PromptedModel) -> None:
    gain_db, mask, goals = gains_db(), hidden(), drawn()
    before = model(gain_db, goals, mask)
    for row, column in (~mask[0]).nonzero().tolist():
        changed = gain_db.clone()
        changed[0, row, column] += 10.0
        assert not torch.allclose(model(changed, goals, mask)[0], before[0], atol=1e-6), (row, column)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_only_the_ratios_of_weights_matter(model: PromptedModel, scale: float) -> None:
    gain_db, goals = gains_db(), drawn()
    scaled = model(gain_db, Goals(goals.parameters, scale * goals.weights))
    torch.testing.assert_close(scaled, model(gain_db, goals), atol=1e-3, rtol=0)


def test_different_goals_give_different_powers(model: PromptedModel) -> None:
    objectives = [*OBJECTIVES, QoS(0.9, 15.0), QoS(0.3, 1.0), Weighted(SumRate(), np.arange(1.0, LINKS + 1))]
    powers = [model(gains_db(), goals_of(objective, GRAPHS, LINKS)) for objective in objectives]
    for one, power in enumerate(powers):
        for other in powers[:one]:
            assert (power - other).abs().max() > 1e-4


@pytest.mark.parametrize("links", [1, 2, 9])
@pytest.mark.parametrize("masked", [False, True])
def test_extreme_gains_give_powers_in_range_and_finite_gradients(links: int, masked: bool) -> None:
    model = make().requires_grad_(True)
    generator = torch.Generator().manual_seed(links)
    corners = torch.tensor([-100.0, 0.0, 200.0, -math.inf])
    batch = 60
    gain_db = corners[torch.randint(4, (batch, links, links), generator=generator)]
    goals = drawn(links, batch)
    mask = random_pair_mask(batch, links, 0.5, generator) if masked else None
    power = model(gain_db, goals, mask)
    assert ((power >= 0) & (power <= 1)).all()
    goal_loss(spectral_efficiency(power, db_to_linear(gain_db)), goals).backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_gains_beyond_the_window_count_as_its_ends(model: PromptedModel) -> None:
    gain_db = 20.0 * gains_db()
    gain_db[0, 1, 2], gain_db[0, 2, 1] = -math.inf, math.inf
    assert (gain_db.abs() > 200.0).any()
    assert torch.equal(model(gain_db, drawn()), model(gain_db.clamp(-100.0, 200.0), drawn()))


# --- the model as a power model, and for a whole data set ---


@pytest.mark.parametrize("masked", [False, True])
def test_a_fixed_goal_is_the_model_under_that_goal(model: PromptedModel, masked: bool) -> None:
    mask = hidden() if masked else None
    for objective in (*OBJECTIVES, Weighted(QoS(), np.arange(1.0, LINKS + 1))):
        expected = model(gains_db(), goals_of(objective, GRAPHS, LINKS), mask)
        assert torch.equal(FixedGoal(model, objective)(gains_db(), mask), expected)


def test_a_model_of_parts_shares_them(model: PromptedModel) -> None:
    same = PromptedModel.of(model.backbone, model.head)
    mine, theirs = dict(model.named_parameters()), dict(same.named_parameters())
    assert mine.keys() == theirs.keys()
    assert all(theirs[name] is parameter for name, parameter in mine.items())
    other = PromptedModel.of(model.backbone, PowerHead(CONFIG.width))
    assert other.backbone is model.backbone
    assert torch.equal(same(gains_db(), drawn()), model(gains_db(), drawn()))
