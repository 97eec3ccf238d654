"""Laws of goals as data: slopes, weights, what pre-training draws, and goals by name."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.model.conditioning import (
    PARAMETERS,
    GoalDistribution,
    Goals,
    GoalSpec,
    goals_of,
)
from gfm_ra.goals import (
    RATE_FLOOR,
    AlphaFair,
    Objective,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
)
from tests.components.model.goal_cases import (
    GRAPHS,
    LINKS,
    MANY,
    OBJECTIVES,
    PER_GRAPH,
    PER_LINK,
    RATES,
    rates,
)

SPECS = {
    "sum-rate": ({}, SumRate()),
    "proportional-fair": ({}, ProportionalFair()),
    "qos": ({"min_rate": 0.5, "penalty": 3.0}, QoS(0.5, 3.0)),
    "alpha-fair": ({"alpha": 2.0}, AlphaFair(2.0)),
}


def drawn(distribution: GoalDistribution, batch: int = MANY, seed: int = 0) -> Goals:
    return distribution.draw(batch, LINKS, torch.Generator().manual_seed(seed))


def share(condition: torch.Tensor) -> float:
    return condition.float().mean().item()


# --- goals and objectives ---


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_goals_have_the_slope_of_their_objective(objective: Objective) -> None:
    slope = goals_of(objective, GRAPHS, LINKS).slope(rates())
    unit = objective.weights.max(-1, keepdims=True) if isinstance(objective, Weighted) else 1.0
    np.testing.assert_allclose(slope.numpy(), objective.slope(RATES) / unit, rtol=1e-6)


def test_the_floor_bounds_what_a_silent_link_asks_for() -> None:
    goals = goals_of(AlphaFair(2.0), 1, LINKS)
    assert goals.slope(torch.zeros(1, LINKS)).isfinite().all()
    torch.testing.assert_close(goals.slope(torch.zeros(1, LINKS), floor=0.1), torch.full((1, LINKS), 100.0))


def test_weights_per_link_go_to_every_graph_and_per_snapshot_to_its_own() -> None:
    every = goals_of(Weighted(SumRate(), PER_LINK), GRAPHS, LINKS).weights
    np.testing.assert_allclose(every, np.tile(PER_LINK / 3.0, (GRAPHS, 1)), rtol=1e-6)
    for first in range(GRAPHS):
        own = goals_of(Weighted(SumRate(), PER_GRAPH), GRAPHS - first, LINKS, first).weights
        largest = PER_GRAPH[first:].max(-1, keepdims=True)
        np.testing.assert_allclose(own, PER_GRAPH[first:] / largest, rtol=1e-6)


def test_goals_without_weights_weight_all_links_equally() -> None:
    goals = goals_of(QoS(), GRAPHS, LINKS)
    assert goals.parameters.shape == (GRAPHS, PARAMETERS)
    assert torch.equal(goals.weights, torch.ones(GRAPHS, LINKS))


def test_goals_that_are_made_later_keep_their_weights() -> None:
    weights = PER_LINK.copy()
    goals = goals_of(Weighted(SumRate(), weights), 1, LINKS)
    weights[:] = 9.0
    np.testing.assert_allclose(goals.weights[0], PER_LINK / 3.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "first"),
    [
        (np.ones(LINKS + 1), 0),  # other links
        (np.ones((2, LINKS + 1)), 0),
        (np.ones((1, GRAPHS, LINKS)), 0),  # too many dimensions
        (np.ones((2, LINKS)), 0),  # too few snapshots
        (np.ones((GRAPHS, LINKS)), 1),
        (np.ones((GRAPHS, LINKS)), GRAPHS - 1),  # one row is left: not that of the other graphs
        (np.ones((GRAPHS, LINKS)), GRAPHS),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: np.ndarray, first: int) -> None:
    with pytest.raises(ValueError, match=r"weights|broadcast"):
        goals_of(Weighted(SumRate(), weights), GRAPHS, LINKS, first)


def test_an_objective_outside_the_family_is_refused() -> None:
    class Other(Objective):
        name = "other"
        benefit = slope = SumRate.benefit

    with pytest.raises(ValueError, match="'other' cannot be given as a prompt"):
        goals_of(Other(), 1, LINKS)
    with pytest.raises(ValueError, match="alpha must be at most 10"):
        goals_of(AlphaFair(11.0), 1, LINKS)
    with pytest.raises(ValueError, match="min_rate must be at most 100"):
        goals_of(QoS(101.0), 1, LINKS)
    with pytest.raises(ValueError, match="penalty must be at most 1e\\+06"):
        goals_of(QoS(0.3, 1.1e6), 1, LINKS)


@given(scale=st.floats(-12.0, 12.0))
def test_only_the_ratios_of_weights_reach_a_model(scale: float) -> None:
    one = goals_of(Weighted(QoS(), PER_GRAPH), GRAPHS, LINKS)
    other = goals_of(Weighted(QoS(), 10.0**scale * PER_GRAPH), GRAPHS, LINKS)
    torch.testing.assert_close(other.weights, one.weights, rtol=2e-7, atol=0)


def test_weights_may_be_whole_numbers_and_far_beyond_float32() -> None:
    for weights in (
        [1, 2, 4, 8, 16],
        np.array([1, 2, 4, 8, 16]) * 1e200,
        np.array([1, 2, 4, 8, 16]) * 5e-324,
    ):
        found = goals_of(Weighted(SumRate(), np.array(weights)), 1, LINKS).weights
        assert found.tolist() == [[1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]]


# --- what pre-training draws ---


def test_drawn_goals_stay_in_their_ranges() -> None:
    distribution = GoalDistribution(max_alpha=1.5, min_rate=(0.2, 0.8), max_penalty=20.0)
    goals = drawn(distribution)
    alpha, min_rate, penalty = (column.squeeze(1) for column in goals.columns())
    qos = min_rate > 0
    assert ((alpha >= 0) & (alpha <= 1.5)).all()
    assert ((min_rate[qos] >= 0.2) & (min_rate[qos] <= 0.8)).all()
    assert ((penalty >= 0) & (penalty <= 20.0)).all()
    assert not alpha[qos].any()
    assert not penalty[~qos].any()
    assert alpha.max() > 1.4
    assert penalty.max() > 19.0
    assert goals.weights.shape == (MANY, LINKS)
    assert (goals.weights > 0).all()


def test_goals_are_drawn_in_the_chosen_shares() -> None:
    distribution = GoalDistribution()
    goals = drawn(distribution)
    alpha, min_rate, penalty = (column.squeeze(1) for column in goals.columns())
    qos, named = distribution.qos_share, distribution.named_share
    assert share(min_rate > 0) == pytest.approx(qos, abs=0.02)
    usual = torch.isclose(min_rate, torch.tensor(QoS.min_rate)) & (penalty == QoS.penalty)
    assert share(usual) == pytest.approx(qos * named, abs=0.02)
    fair = (alpha == 1.0) & (min_rate == 0)
    plain = (alpha == 0.0) & (min_rate == 0)
    assert share(fair) == pytest.approx((1 - qos) * named / 2, abs=0.02)
    assert share(plain) == pytest.approx((1 - qos) * named / 2, abs=0.02)
    weighted = (goals.weights != 1.0).any(-1)
    assert share(weighted) == pytest.approx(distribution.weighted_share, abs=0.02)
    spread = goals.weights[weighted].log().std().item()
    assert spread == pytest.approx(distribution.weight_spread, rel=0.03)


@pytest.mark.parametrize("named", [0.0, 1.0])
def test_all_or_none_of_the_goals_are_the_named_ones(named: float) -> None:
    found = {tuple(row) for row in drawn(GoalDistribution(named_share=named), 500).parameters.tolist()}
    usual = {
        tuple(goals_of(one, 1, 1).parameters[0].tolist()) for one in (SumRate(), ProportionalFair(), QoS())
    }
    assert (found == usual) if named else not found & usual


def test_graphs_draw_independently_and_the_generator_decides_everything() -> None:
    one, again, other = (drawn(GoalDistribution(), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.parameters, again.parameters)
    assert torch.equal(one.weights, again.weights)
    assert not torch.equal(one.parameters, other.parameters)
    qos, weighted = (one.parameters[:, 1] > 0).float(), (one.weights[:, 0] != 1.0).float()
    assert torch.corrcoef(torch.stack([qos[:-1], qos[1:], weighted[:-1]])).triu(1).abs().max() < 0.05


def test_part_of_the_graphs_is_complete_and_the_rest_hides_up_to_the_limit() -> None:
    distribution = GoalDistribution(complete_share=0.3, max_mask_ratio=0.4)
    ratios = distribution.draw_mask_ratios(MANY, torch.Generator().manual_seed(0))
    assert ratios.shape == (MANY,)
    assert share(ratios == 0.0) == pytest.approx(0.3, abs=0.02)
    hiding = ratios[ratios > 0]
    assert hiding.max() <= 0.4
    assert hiding.mean().item() == pytest.approx(0.2, abs=0.01)
    assert torch.equal(ratios, distribution.draw_mask_ratios(MANY, torch.Generator().manual_seed(0)))


# --- goals by name ---


@pytest.mark.parametrize("name", SPECS)
def test_a_named_goal_becomes_its_objective(name: str) -> None:
    parameters, objective = SPECS[name]
    assert GoalSpec.model_validate({"objective": name} | parameters).build(LINKS) == objective


def test_parameters_that_are_left_out_are_the_usual_ones() -> None:
    assert GoalSpec(objective="qos").build(LINKS) == QoS()
    assert GoalSpec(objective="alpha-fair").build(LINKS) == AlphaFair()


@pytest.mark.parametrize(("links", "favoured"), [(1, 0), (4, 1), (10, 2), (50, 12)])
def test_the_first_links_are_favoured(links: int, favoured: int) -> None:
    spec = GoalSpec(objective="proportional-fair", favoured_share=0.25, favoured_weight=4.0)
    built = spec.build(links)
    weights = built.weights if isinstance(built, Weighted) else np.ones(links)
    assert weights.tolist() == [4.0] * favoured + [1.0] * (links - favoured)
    assert (built.objective if isinstance(built, Weighted) else built) == ProportionalFair()


@pytest.mark.parametrize(
    "entry",
    [
        {"objective": "sum-rate", "alpha": 1.0},
        {"objective": "proportional-fair", "penalty": 1.0},
        {"objective": "qos", "alpha": 0.5},
        {"objective": "alpha-fair", "min_rate": 0.5},
        {"objective": "alpha-fair", "alpha": -1.0},
        {"objective": "max-min"},
        {"objective": "qos", "colour": "blue"},
        {"objective": "qos", "favoured_share": 1.5},
        {"objective": "qos", "favoured_weight": 0.0},
        {},
    ],
    ids=str,
)
def test_a_goal_that_cannot_be_meant_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GoalSpec.model_validate(entry)


def test_the_floor_is_that_of_the_objectives() -> None:
    silent = torch.zeros(1, LINKS, dtype=torch.float64)
    slope = goals_of(ProportionalFair(), 1, LINKS).slope(silent)
    np.testing.assert_allclose(slope, 1.0 / RATE_FLOOR, rtol=1e-6)
