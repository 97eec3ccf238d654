"""Laws of the loss that has no units and of the advantage in its units."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.model.conditioning import (
    advantage,
    goal_loss,
    goals_of,
)
from gfm_ra.goals import (
    LARGEST_ALPHA,
    LARGEST_MIN_RATE,
    LARGEST_PENALTY,
    RATE_FLOOR,
    AlphaFair,
    Objective,
    QoS,
    Weighted,
)
from tests.components.model.goal_cases import GRAPHS, LINKS, OBJECTIVES, PER_GRAPH, RATES, rates


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_loss_descends_where_the_utility_rises_with_the_same_strength_in_every_graph(
    objective: Objective,
) -> None:
    ours, theirs = rates().requires_grad_(), rates().requires_grad_()
    goal_loss(ours, goals_of(objective, GRAPHS, LINKS)).backward()
    objective.utility(theirs).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    strength = (objective.slope(RATES) * RATES).sum(-1, keepdims=True)
    expected = -theirs.grad.numpy() / strength / GRAPHS
    np.testing.assert_allclose(ours.grad.numpy(), expected, rtol=1e-5)
    # A weighted mean of d log R: the gradient in log R sums to one over the links of a graph.
    np.testing.assert_allclose((ours.grad * ours.detach()).sum(-1), -1.0 / GRAPHS, rtol=1e-6)


def test_only_the_ratios_of_weights_matter_to_the_loss() -> None:
    gradients = []
    for scale in (1.0, 1e-3, 1e3):
        leaf = rates().requires_grad_()
        goal_loss(leaf, goals_of(Weighted(QoS(), scale * PER_GRAPH), GRAPHS, LINKS)).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-5, atol=0)
    torch.testing.assert_close(gradients[2], gradients[0], rtol=1e-5, atol=0)


@given(
    alpha=st.floats(0.0, LARGEST_ALPHA),
    qos=st.tuples(st.floats(0.0, LARGEST_MIN_RATE), st.floats(0.0, LARGEST_PENALTY)),
    values=st.lists(st.floats(0.0, 80.0, width=32), min_size=1, max_size=8),
    weights=st.lists(st.floats(0.0, 1.0, width=32), min_size=8, max_size=8),
)
def test_loss_and_gradient_are_those_of_the_definition_for_every_accepted_goal(
    alpha: float, qos: tuple[float, float], values: list[float], weights: list[float]
) -> None:
    links = len(values)
    weighted = np.maximum(weights[:links], 1e-30)
    for goal in (AlphaFair(alpha), QoS(*qos)):
        leaf = torch.tensor([values], dtype=torch.float32, requires_grad=True)
        loss = goal_loss(leaf, goals_of(Weighted(goal, weighted), 1, links))
        loss.backward()
        assert loss.isfinite()
        assert leaf.grad is not None
        # In float64 no slope of an accepted goal overflows: at most (1e-6)^-10 = 1e60.
        known = leaf.detach().numpy().astype(np.float64)
        parameters = goals_of(goal, 1, links).parameters[0].tolist()
        slope = np.float32(weighted) / np.float32(weighted.max()) * literal_slope(known, *parameters)
        strength = np.maximum((slope * known).sum(), RATE_FLOOR * slope.max())
        np.testing.assert_allclose(leaf.grad.numpy(), -slope / strength, rtol=3e-4, atol=1e-12)
        assert leaf.grad.abs().max() <= 1.001 / RATE_FLOOR


def literal_slope(rates: np.ndarray, alpha: float, min_rate: float, penalty: float) -> np.ndarray:
    return (rates + RATE_FLOOR) ** -alpha + penalty * (rates < np.float32(min_rate))


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.0 + 1e-7, 2.0, 6.5, 10.0])
def test_the_gradient_of_the_loss_is_the_numerical_one_of_the_utility(alpha: float) -> None:
    """In float64, by differences; the strength by which the loss divides is a constant of the gradient."""
    goal, step = AlphaFair(alpha), 1e-6
    leaf = rates().requires_grad_()
    goal_loss(leaf, goals_of(goal, GRAPHS, LINKS)).backward()
    strength = (goal.slope(RATES) * RATES).sum(-1)
    for link in range(LINKS):
        change = step * np.eye(LINKS)[link]
        rise = (goal.benefit(RATES + change) - goal.benefit(RATES - change))[:, link] / (2 * step)
        assert leaf.grad is not None
        rtol = 1e-2 if 0 < abs(alpha - 1) < 1e-3 else 1e-5  # differences of the utility cancel there
        np.testing.assert_allclose(leaf.grad[:, link], -rise / strength / GRAPHS, rtol=rtol)


def test_every_graph_pulls_with_the_same_strength_however_fair_the_goal() -> None:
    fast = torch.full((1, LINKS), 50.0, requires_grad=True)
    goal_loss(fast, goals_of(AlphaFair(10.0), 1, LINKS)).backward()
    assert fast.grad is not None
    assert (fast.grad * fast.detach()).sum().item() == pytest.approx(-1.0, rel=1e-4)


def test_loss_of_a_silent_graph_is_finite() -> None:
    leaf = torch.zeros(1, LINKS, requires_grad=True)
    goal_loss(leaf, goals_of(AlphaFair(2.0), 1, LINKS)).backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_advantage_is_zero_at_the_baseline_and_the_mean_change_of_log_rates_near_it(
    objective: Objective,
) -> None:
    assert not advantage(rates(), rates(), objective).any()
    change = 1e-6 * np.random.default_rng(2).normal(size=RATES.shape)  # of log R
    pull = objective.slope(RATES) * RATES
    expected = (pull * change).sum(-1) / pull.sum(-1)
    found = advantage(rates() * torch.from_numpy(np.exp(change)), rates(), objective)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-10)
