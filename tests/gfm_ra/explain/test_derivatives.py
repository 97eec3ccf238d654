"""Derivatives against central differences of the utility, part by part and as a whole."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gfm_ra.explain.derivatives import derivatives, gradients, is_sum, links_of
from gfm_ra.goals import AlphaFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from tests.gfm_ra.explain.goal_cases import LINKS, OTHERS, SUMS, network, utility

STEP = 1e-3
"""Of the differences, as part of the power; their error is its fourth power."""


def difference(function, power: np.ndarray, link: int) -> float:
    """Derivative by one power, from four values around it."""
    step = STEP * power[link]
    move = np.eye(len(power))[link] * step
    near, far = (function(power + move * n) - function(power - move * n) for n in (1, 2))
    return (8.0 * near - far) / (12.0 * step)


def away_from_the_kink(goal, rates: np.ndarray) -> bool:
    plain = goal.objective if isinstance(goal, Weighted) else goal
    return not isinstance(plain, QoS) or bool((np.abs(rates - plain.min_rate) > 0.05).all())


@given(seed=st.integers(0, 10**6), goal=st.sampled_from([*SUMS, *OTHERS]), link=st.integers(0, LINKS - 1))
def test_own_gain_and_harm_are_the_derivative_of_the_utility(seed, goal, link):
    gain, power = network(seed)
    rates = spectral_efficiency(power, gain)
    assume(away_from_the_kink(goal, rates))
    found = derivatives(links_of(gain, power), goal)
    size = abs(found.own[link]) + np.abs(found.harm[:, link]).sum() + abs(found.direct[link])

    def reached(moved: np.ndarray, *whose: int) -> float:
        """The utility if only these links notice that powers have changed."""
        seen = rates.copy()
        seen[[*whose]] = spectral_efficiency(moved, gain)[[*whose]]
        return utility(goal, seen, power)

    whole = difference(lambda moved: utility(goal, spectral_efficiency(moved, gain), moved), power, link)
    total = found.own[link] - found.harm[:, link].sum() + found.direct[link]
    assert abs(total - whole) <= 1e-6 * size
    own = difference(lambda moved: reached(moved, link), power, link)
    assert abs(found.own[link] - own) <= 1e-6 * size
    direct = difference(lambda moved: utility(goal, rates, moved), power, link)
    assert abs(found.direct[link] - direct) <= 1e-6 * size
    assert found.harm[link, link] == 0
    for other in set(range(LINKS)) - {link}:
        lost = -difference(lambda moved, other=other: reached(moved, other), power, link)
        assert abs(found.harm[other, link] - lost) <= 1e-6 * size


def test_two_links_by_hand():
    """Sum rate, N noise and interference: ln 2 dR_0/dp_0 = g_00 / (N_0 + S_0), -g_10 S_1 / (N_1 (N_1 + S_1))."""
    gain, power = np.array([[8.0, 2.0], [3.0, 5.0]]), np.array([0.5, 1.0])
    found = derivatives(links_of(gain, power), SumRate())
    np.testing.assert_allclose(found.own, np.array([8.0 / 7.0, 5.0 / 7.5]) / np.log(2.0))
    np.testing.assert_allclose(found.harm[1, 0], 3.0 * 5.0 / (2.5 * 7.5) / np.log(2.0))
    np.testing.assert_allclose(found.harm[0, 1], 2.0 * 4.0 / (3.0 * 7.0) / np.log(2.0))
    assert not found.direct.any()


def test_links_in_another_order_have_the_same_derivatives():
    gain, power = network(3)
    order = np.array([2, 0, 4, 1, 3])
    one = derivatives(links_of(gain, power), AlphaFair(0.5))
    other = derivatives(links_of(gain[order][:, order], power[order]), AlphaFair(0.5))
    np.testing.assert_allclose(other.own, one.own[order], rtol=1e-12)
    np.testing.assert_allclose(other.harm, one.harm[order][:, order], rtol=1e-12)


def test_a_silent_link_hurts_but_is_not_hurt():
    gain, power = network(1)
    power[2] = 0.0
    found = derivatives(links_of(gain, power), SumRate())
    assert not found.harm[2].any()
    assert (found.harm[[0, 1, 3, 4], 2] > 0).all()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_single_precision_counts_as_it_is(kind):
    gain, power = (values.astype(kind) for values in network(2))
    found = derivatives(links_of(gain, power), SumRate())
    exact = derivatives(links_of(gain.astype(np.float64), power.astype(np.float64)), SumRate())
    assert found.own.dtype == np.float64
    np.testing.assert_array_equal(found.harm, exact.harm)


class PerPower(SumRate):
    """Rates over powers, whose derivatives are told the weights."""

    def utility(self, rates, power=None):
        return (rates / (power + 1.0)).sum(-1)

    def gradients(self, rates, power, weights=None):
        weights = np.ones_like(rates) if weights is None else weights
        return weights / (power + 1.0), -weights * rates / (power + 1.0) ** 2


def test_weights_reach_goals_of_powers():
    rates, power = np.random.default_rng(0).random((2, 3, LINKS))
    by_rate, by_power = gradients(Weighted(PerPower(), np.arange(1.0, 6.0)), rates, power)
    plain = gradients(PerPower(), rates, power)
    np.testing.assert_allclose(by_rate, plain[0] * np.arange(1.0, 6.0))
    np.testing.assert_allclose(by_power, plain[1] * np.arange(1.0, 6.0))
    assert not is_sum(PerPower())
    assert not is_sum(Weighted(PerPower(), np.ones(LINKS)))
    assert all(map(is_sum, SUMS))
    assert not any(map(is_sum, OTHERS))


class WithoutSlope:
    name = "without-slope"

    def utility(self, rates):
        return rates.min(-1)


class WrongShape(WithoutSlope):
    def slope(self, rates):
        return np.ones(3)


@pytest.mark.parametrize(
    ("goal", "said"),
    [(WithoutSlope(), r"without-slope has no slope\(rates\)"), (WrongShape(), r"must be \[1, 5\] as the rates"),
     (AlphaFair(80.0), "alpha-fair are not finite")],
)  # fmt: skip
def test_goals_without_derivatives_are_refused_in_one_line(goal, said):
    gain, power = network(0)
    power[0] = 0.0
    with pytest.raises(ValueError, match=said) as refusal:
        derivatives(links_of(gain, power), goal)
    assert "\n" not in str(refusal.value)
