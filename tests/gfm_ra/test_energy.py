"""Energy efficiency against its definition, in NumPy and torch: utilities, derivatives, zeros, weights, refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import gfm_ra
from gfm_ra import EnergyEfficiency, SumRate, Weighted
from gfm_ra.candidates import best_candidate
from gfm_ra.energy import KINDS, Kind, energy_goal
from gfm_ra.rates import spectral_efficiency

RATES = np.array([[0.5, 2.0, 8.0], [0.0, 1.0, 3.0]])
POWER = np.array([[1.0, 0.5, 0.1], [0.0, 0.2, 0.7]])
WEIGHTS = np.array([1.0, 0.0, 2.5])


def by_hand(
    rates: np.ndarray, power: np.ndarray, weights: np.ndarray, circuit: float, amplifier: float, kind: Kind
) -> float:
    """One network, link by link."""
    consumed = [p / amplifier + circuit for p in power]
    wanted = [w * r for w, r in zip(weights, rates, strict=True)]
    if kind == "global":
        return sum(wanted) / sum(consumed)
    return sum(w / c for w, c in zip(wanted, consumed, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_utility_is_the_defined_ratio(kind: Kind) -> None:
    goal = EnergyEfficiency(0.2, 0.4, kind)
    pairs = list(zip(RATES, POWER, strict=True))
    expected = [by_hand(rates, power, np.ones(3), 0.2, 0.4, kind) for rates, power in pairs]
    np.testing.assert_allclose(goal.utility(RATES, POWER), expected, rtol=1e-14)
    weighted = [by_hand(rates, power, WEIGHTS, 0.2, 0.4, kind) for rates, power in pairs]
    np.testing.assert_allclose(Weighted(goal, WEIGHTS).utility(RATES, POWER), weighted, rtol=1e-14)


def test_two_links_in_numbers() -> None:
    rates, power = np.array([4.0, 1.0]), np.array([0.5, 0.0])
    assert EnergyEfficiency(1.0, 0.5).utility(rates, power) == pytest.approx(5.0 / 3.0)
    assert EnergyEfficiency(1.0, 0.5, "weighted-sum").utility(rates, power) == pytest.approx(4.0 / 2.0 + 1.0)
    assert EnergyEfficiency(1.0).utility(rates, power) == pytest.approx(5.0 / (0.5 / 0.35 + 2.0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_gradients_are_the_derivatives(kind: Kind, weights: np.ndarray | None) -> None:
    goal, step = EnergyEfficiency(0.3, kind=kind), 1e-6
    full = goal if weights is None else Weighted(goal, weights)
    per_rate, per_power = goal.gradients(RATES, POWER, weights)
    assert per_rate.shape == per_power.shape == RATES.shape
    for link, way in enumerate(np.eye(3) * step):
        by_rate = (full.utility(RATES + way, POWER) - full.utility(RATES - way, POWER)) / (2 * step)
        by_power = (full.utility(RATES, POWER + way) - full.utility(RATES, POWER - way)) / (2 * step)
        np.testing.assert_allclose(per_rate[:, link], by_rate, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(per_power[:, link], by_power, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_torch_agrees_and_differentiates_to_the_gradients(kind: Kind) -> None:
    goal = EnergyEfficiency(0.3, kind=kind)
    rates, power = torch.tensor(RATES, requires_grad=True), torch.tensor(POWER, requires_grad=True)
    utility = goal.utility(rates, power)
    utility.sum().backward()
    np.testing.assert_allclose(utility.detach().numpy(), goal.utility(RATES, POWER), rtol=1e-12)
    for found, theirs, ours in zip(
        (rates.grad, power.grad),
        goal.gradients(rates.detach(), power.detach()),
        goal.gradients(RATES, POWER),
        strict=True,
    ):
        np.testing.assert_allclose(found.numpy(), ours, rtol=1e-12)
        np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-12)


def test_what_consumes_nothing_is_worth_nothing() -> None:
    rates, power = np.array([[0.0, 0.0], [0.0, 3.0]]), np.array([[0.0, 0.0], [0.0, 0.35]])
    for kind in KINDS:
        goal = EnergyEfficiency(0.0, kind=kind)
        np.testing.assert_allclose(goal.utility(rates, power), [0.0, 3.0])
        assert all(np.isfinite(each).all() for each in goal.gradients(rates, power))
        tensors = goal.utility(torch.tensor(rates), torch.tensor(power))
        np.testing.assert_allclose(tensors.numpy(), [0.0, 3.0])


def test_unknown_rates_stay_unknown() -> None:
    rates = RATES.copy()
    rates[0, 1] = np.nan
    assert np.isnan(EnergyEfficiency(1.0).utility(rates, POWER)).tolist() == [True, False]


@pytest.mark.parametrize("goal", [EnergyEfficiency(1.0), Weighted(EnergyEfficiency(1.0), WEIGHTS)])
def test_without_powers_one_line_says_what_is_missing(goal: gfm_ra.goals.Objective) -> None:
    for call in (goal.utility, goal.merit, goal.benefit):
        with pytest.raises(ValueError, match=r"utility\(rates, power\)") as refusal:
            call(RATES)
        assert "\n" not in str(refusal.value)
    with pytest.raises(ValueError, match="gradients"):
        goal.slope(RATES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((-0.1,), "circuit_power must be finite and not negative"),
        ((np.nan,), "circuit_power must be finite"),
        ((np.inf,), "circuit_power must be finite"),
        (("1",), "circuit_power must be a number"),
        ((True,), "circuit_power must be a number"),
        ((1.0, 0.0), "amplifier_efficiency must be above 0 and at most 1"),
        ((1.0, 1.1), "amplifier_efficiency must be above 0 and at most 1"),
        ((1.0, np.nan), "amplifier_efficiency must be above 0"),
        ((1.0, 0.5, "harmonic"), "kind must be one of global, weighted-sum"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: tuple, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        EnergyEfficiency(*arguments)


def test_which_goals_are_energy_efficiency() -> None:
    goal = EnergyEfficiency(1.0)
    assert energy_goal(goal) is goal
    assert energy_goal(Weighted(goal, WEIGHTS)) is goal
    assert energy_goal(SumRate()) is None
    assert energy_goal(Weighted(SumRate(), WEIGHTS)) is None
    assert Weighted(goal, WEIGHTS) == Weighted(EnergyEfficiency(1), WEIGHTS) != Weighted(goal, WEIGHTS[::-1])


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 99), weighted=st.booleans())
def test_candidates_are_chosen_by_their_own_powers(kind: Kind, seed: int, weighted: bool) -> None:
    draws = np.random.default_rng(seed)
    gain, powers = draws.exponential(10.0, (6, 3, 3)), draws.random((5, 6, 3)) ** 4
    goal = EnergyEfficiency(0.1, kind=kind)
    if weighted:
        goal = Weighted(goal, draws.random((6, 3)))
    utility = np.stack([goal.utility(spectral_efficiency(each, gain), each) for each in powers])
    np.testing.assert_array_equal(best_candidate(powers, gain, goal), utility.argmax(0))
    powers[2, :, 0] = np.nan
    utility[2] = -np.inf
    np.testing.assert_array_equal(best_candidate(powers, gain, goal), utility.argmax(0))
