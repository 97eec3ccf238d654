"""Utilities against their definitions, slopes against their derivatives, in NumPy and torch."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gfm_ra.goals import (
    LARGEST_ALPHA,
    OBJECTIVES,
    RATE_FLOOR,
    STANDARD,
    AlphaFair,
    GoalName,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
    by_name,
    geometric_mean_rate,
    normalised_weights,
)

RATES = np.array([[0.05, 0.2, 0.31, 1.7, 8.0], [0.4, 0.5, 0.6, 0.7, 0.8]])
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
ALL = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(1.0), AlphaFair(2.0)]
ALL += [Weighted(QoS(), WEIGHTS), Weighted(ProportionalFair(), WEIGHTS)]


@pytest.mark.parametrize(
    ("objective", "benefit"),
    [
        (SumRate(), lambda z: z),
        (ProportionalFair(), lambda z: np.log(z)),
        (QoS(), lambda z: z - 15.0 * max(0.0, 0.3 - z)),
        (QoS(0.5, 2.0), lambda z: z - 2.0 * max(0.0, 0.5 - z)),
        (AlphaFair(0.5), lambda z: 2 * np.sqrt(z)),
        (AlphaFair(2.0), lambda z: -1 / z),
        (AlphaFair(0.0), lambda z: z),
    ],
)
def test_utility_is_the_sum_of_the_defined_benefits(objective, benefit):
    expected = [sum(benefit(z) for z in row) for row in RATES]
    np.testing.assert_allclose(objective.utility(RATES), expected, rtol=3e-5)


@pytest.mark.parametrize("objective", ALL, ids=repr)
def test_powers_change_nothing_for_goals_of_rates(objective):
    np.testing.assert_array_equal(objective.utility(RATES, 0.5 * RATES), objective.utility(RATES))
    assert objective.at(RATES) is objective


@pytest.mark.parametrize("objective", ALL, ids=repr)
def test_slope_is_the_derivative(objective):
    step = 1e-6
    difference = (objective.benefit(RATES + step) - objective.benefit(RATES - step)) / (2 * step)
    np.testing.assert_allclose(objective.slope(RATES), difference, rtol=1e-4)


@pytest.mark.parametrize("objective", ALL, ids=repr)
def test_torch_agrees_and_differentiates_to_the_slope(objective):
    rates = torch.tensor(RATES, requires_grad=True)
    utility = objective.utility(rates)
    np.testing.assert_allclose(utility.detach().numpy(), objective.utility(RATES), rtol=1e-9)
    np.testing.assert_allclose(objective.slope(rates.detach()).numpy(), objective.slope(RATES), rtol=1e-9)
    utility.sum().backward()
    np.testing.assert_allclose(rates.grad.numpy(), objective.slope(RATES), rtol=1e-9)


@pytest.mark.parametrize("objective", ALL, ids=repr)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_utility_keeps_the_floating_type(objective, kind):
    assert objective.utility(RATES.astype(kind)).dtype == kind


def test_silent_links_cost_much_but_not_infinity():
    rates = torch.zeros(4, requires_grad=True)
    utility = ProportionalFair().utility(rates)
    utility.backward()
    assert utility.item() == pytest.approx(4 * np.log(RATE_FLOOR), rel=1e-6)
    assert torch.isfinite(rates.grad).all()


def test_alpha_one_is_proportional_fair():
    np.testing.assert_allclose(AlphaFair(1.0).utility(RATES), ProportionalFair().utility(RATES))


def test_geometric_mean():
    rates = np.array([[1.0, 4.0], [0.0, 3.0]])
    np.testing.assert_allclose(geometric_mean_rate(rates), [2.0, 0.0])
    share = np.array([0.0, 1.0])  # a link without a part in the mean may be silent
    np.testing.assert_allclose(geometric_mean_rate(rates, share), [4.0, 3.0])


def test_proportional_fairness_orders_as_the_geometric_mean():
    rates = np.random.default_rng(1).exponential(size=(50, 6)) + 0.01
    assert (np.argsort(ProportionalFair().utility(rates)) == np.argsort(geometric_mean_rate(rates))).all()


def test_lookup_by_name():
    assert by_name("sum-rate") == SumRate()
    assert by_name("qos", min_rate=0.5) == QoS(0.5, 15.0)
    assert by_name("alpha-fair", alpha=2.0) == AlphaFair(2.0)
    assert {by_name(name).name for name in ("sum-rate", "proportional-fair", "qos", "alpha-fair")} == {
        "sum-rate", "proportional-fair", "qos", "alpha-fair",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "parameters", "problem"),
    [
        ("max-min", {}, "'max-min' is unknown; choose one of sum-rate"),
        ("sum-rate", {"alpha": 1.0}, "'sum-rate' does not take alpha"),
        ("qos", {"min_rate": -1.0}, "min_rate must be finite and not negative"),
        ("alpha-fair", {"alpha": np.inf}, "alpha must be finite"),
    ],
)
def test_lookup_refuses_what_it_does_not_know(name, parameters, problem):
    with pytest.raises(ValueError, match=problem):
        by_name(name, **parameters)


@pytest.mark.parametrize(
    "weights",
    [
        [-1.0, 1.0], [np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0], [[1.0, 2.0], [0.0, 0.0]], [], 1.0,
        [True, False], ["a", "b"], [1j, 1.0], [None, 1.0],
    ],
    ids=repr,
)  # fmt: skip
def test_weights_must_be_weights(weights):
    with pytest.raises(ValueError, match="weights must be"):
        Weighted(SumRate(), np.array(weights))


def test_weighted_objectives_are_equal_if_their_weights_are():
    one, same = Weighted(SumRate(), np.array([1, 2])), Weighted(SumRate(), np.array([1.0, 2.0], np.float32))
    assert one == same
    assert hash(one) == hash(same)
    others = [
        Weighted(SumRate(), np.array([2.0, 1.0])), Weighted(SumRate(), np.array([2.0, 4.0])),
        Weighted(QoS(), np.array([1.0, 2.0])), Weighted(SumRate(), np.array([[1.0, 2.0]])), SumRate(),
    ]  # fmt: skip
    assert all(one != other for other in others)
    assert len({one, same, *others}) == 1 + len(others)


@given(exponent=st.floats(-37, 37), kind=st.sampled_from([np.float32, np.float64]))
def test_normalised_weights_do_not_know_their_unit(exponent, kind):
    weights = np.array([[0.25, 1.0, 3.0], [5.0, 0.0, 0.5]])
    scaled = (weights * 10.0**exponent).astype(kind)
    np.testing.assert_allclose(
        normalised_weights(scaled), weights / weights.max(-1, keepdims=True), rtol=3e-7, atol=0
    )


@pytest.mark.parametrize(
    "weights",
    [
        np.array([1, 0, 4]), np.array([0.25, 0, 1], np.float16), np.array([0.25, 0, 1], ">f8"), [5, 0, 20],
        np.array([1.1e-307, 0, 4.4e-307]), np.array([5e-324, 0, 2e-323]), np.array([2**62, 0, 2**64 - 1], np.uint64),
        np.array([0.25, 9, 0, 9, 1])[::2],
    ],
    ids=repr,
)  # fmt: skip
def test_weights_of_any_type_are_normalised(weights):
    found = normalised_weights(weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.25, 0, 1], rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 0.3, 1.0, 2.5, 10.0, 300.0])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_merit_of_alpha_fairness_is_the_rate_of_equal_utility(alpha, weights):
    goal = AlphaFair(alpha)
    assert np.allclose(goal.merit(np.full(5, 0.7), weights), np.log(0.7 + RATE_FLOOR), rtol=1e-12)
    merit = goal.merit(RATES, weights)
    assert (merit >= np.log(RATES.min(-1)) - 1e-5).all()
    assert (merit <= np.log(RATES.max(-1)) + 1e-5).all()
    if alpha in (0.3, 2.5):
        share = np.full(5, 0.2) if weights is None else weights / weights.sum()
        mean = (share * (RATES + RATE_FLOOR) ** (1 - alpha)).sum(-1) ** (1 / (1 - alpha))
        np.testing.assert_allclose(np.exp(merit), mean, rtol=1e-12)


@given(away=st.floats(1e-17, 1e-3), sign=st.sampled_from([-1, 1]))
def test_near_alpha_one_the_merit_is_that_of_proportional_fairness(away, sign):
    at_one = AlphaFair(1.0).merit(RATES)
    np.testing.assert_allclose(AlphaFair(1 + sign * away).merit(RATES), at_one, atol=2 * away, rtol=1e-14)


@given(
    alpha=st.floats(0.0, LARGEST_ALPHA),
    rates=st.lists(st.floats(0.0, 100.0, width=32), min_size=1, max_size=9),
    kind=st.sampled_from([np.float32, np.float64]),
)
def test_merits_are_finite_and_rise_with_every_rate(alpha, rates, kind):
    rates = np.array(rates, kind)
    for goal in (SumRate(), ProportionalFair(), QoS(), AlphaFair(alpha)):
        merit = goal.merit(rates)
        assert merit.dtype == np.float64
        assert np.isfinite(merit)
        assert goal.merit(rates + kind(1.0)) > merit


@pytest.mark.parametrize("goal", ALL, ids=repr)
def test_merits_order_as_utilities(goal):
    rates = np.random.default_rng(2).exponential(size=(40, 5)) + 0.01
    assert (np.argsort(goal.merit(rates)) == np.argsort(goal.utility(rates))).all()


def test_weighted_objectives_do_not_nest():
    with pytest.raises(ValueError, match="instead of nesting"):
        Weighted(Weighted(SumRate(), WEIGHTS), WEIGHTS)


def test_the_types_of_names_list_the_objectives():
    assert tuple(objective.name for objective in STANDARD) == OBJECTIVES
    assert all(by_name(objective.name) == objective for objective in STANDARD)
    assert all(by_name(name).name == name for name in get_args(GoalName))
    with pytest.raises(ValueError, match=f"choose one of {', '.join(get_args(GoalName))}$"):
        by_name("none")
