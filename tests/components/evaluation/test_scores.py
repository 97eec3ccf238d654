"""Laws of scores and ratios: what every method is evaluated by."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from components.evaluation.scores import comparable_score, ratios, score, scores
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted

GAIN_DB = np.random.default_rng(0).normal(10.0, 15.0, (5, 4, 4)).astype(np.float16)
POWER = np.random.default_rng(1).uniform(0.1, 1.0, (5, 4)).astype(np.float32)


def literal_rates(snapshot: int, gain_db: np.ndarray = GAIN_DB) -> list[float]:
    """(1)-(2) link by link."""
    gain, power = 10.0 ** (gain_db[snapshot].astype(float) / 10.0), POWER[snapshot].astype(float)
    rates = []
    for k in range(4):
        heard = 1.0 + sum(gain[k, j] * power[j] for j in range(4) if j != k)
        rates.append(math.log2(1.0 + gain[k, k] * power[k] / heard))
    return rates


LITERAL = {
    "sum-rate": sum,
    "proportional-fair": lambda rates: math.prod(rates) ** (1 / len(rates)),  # the geometric mean
    "qos": lambda rates: sum(rate - 15.0 * max(0.0, 0.3 - rate) for rate in rates),
}


@pytest.mark.parametrize("objective", LITERAL)
def test_score_is_the_objective_of_the_rates(objective: str) -> None:
    expected = [LITERAL[objective](literal_rates(snapshot)) for snapshot in range(5)]
    np.testing.assert_allclose(score(objective, POWER, GAIN_DB), expected, rtol=1e-4)
    (by_method,) = scores(objective, {"any": POWER}, GAIN_DB).values()
    np.testing.assert_array_equal(by_method, score(objective, POWER, GAIN_DB))


WEIGHTS = [1.0, 4.0, 0.5, 2.0]
# Rates well above RATE_FLOOR.
CLEAR_DB = (GAIN_DB + 30.0 * np.eye(4)).astype(np.float16)
SHARE = [weight / sum(WEIGHTS) for weight in WEIGHTS]


def power_mean(rates: list[float], share: list[float], exponent: float) -> float:
    return sum(s * rate**exponent for s, rate in zip(share, rates, strict=True)) ** (1.0 / exponent)


def log_mean(rates: list[float], share: list[float]) -> float:
    return math.exp(sum(s * math.log(rate) for s, rate in zip(share, rates, strict=True)))


EQUAL = [0.25] * 4
COMPARABLE = [
    (SumRate(), sum),
    (AlphaFair(0.0), sum),
    (ProportionalFair(), lambda rates: log_mean(rates, EQUAL)),
    (AlphaFair(1.0), lambda rates: log_mean(rates, EQUAL)),
    (AlphaFair(0.5), lambda rates: power_mean(rates, EQUAL, 0.5)),
    (AlphaFair(2.0), lambda rates: power_mean(rates, EQUAL, -1.0)),  # the harmonic mean
    (
        Weighted(SumRate(), np.array(WEIGHTS)),
        lambda rates: sum(w * r for w, r in zip(WEIGHTS, rates, strict=True)),
    ),
    (Weighted(ProportionalFair(), np.array(WEIGHTS)), lambda rates: log_mean(rates, SHARE)),
    (Weighted(AlphaFair(2.0), np.array(WEIGHTS)), lambda rates: power_mean(rates, SHARE, -1.0)),
    (
        Weighted(QoS(0.5, 2.0), np.array(WEIGHTS)),
        lambda rates: sum(w * (r - 2.0 * max(0.0, 0.5 - r)) for w, r in zip(WEIGHTS, rates, strict=True)),
    ),
]


@pytest.mark.parametrize(("objective", "formula"), COMPARABLE, ids=lambda value: repr(value)[:60])
def test_comparable_score_is_its_formula(
    objective: Objective, formula: Callable[[list[float]], float]
) -> None:
    expected = [formula(literal_rates(snapshot, CLEAR_DB)) for snapshot in range(5)]
    np.testing.assert_allclose(comparable_score(objective, POWER, CLEAR_DB), expected, rtol=3e-4)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("weighted", [False, True])
def test_comparable_score_is_the_rate_that_would_have_the_same_utility(alpha: float, weighted: bool) -> None:
    plain = AlphaFair(alpha)
    objective = Weighted(plain, np.array(WEIGHTS)) if weighted else plain
    common = comparable_score(objective, POWER, CLEAR_DB).astype(np.float64)[:, None].repeat(4, axis=1)
    rates = np.array([literal_rates(snapshot, CLEAR_DB) for snapshot in range(5)])
    np.testing.assert_allclose(objective.utility(common), objective.utility(rates), rtol=1e-3, atol=1e-3)


def test_weights_of_a_comparison_may_differ_by_snapshot() -> None:
    weights = np.random.default_rng(2).uniform(0.2, 3.0, (5, 4))
    together = comparable_score(Weighted(ProportionalFair(), weights), POWER, GAIN_DB)
    alone = [
        comparable_score(Weighted(ProportionalFair(), weights[n]), POWER[n : n + 1], GAIN_DB[n : n + 1])[0]
        for n in range(5)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


@pytest.mark.parametrize("plain", [SumRate(), ProportionalFair(), AlphaFair(2.0)], ids=repr)
def test_a_silent_link_of_weight_zero_does_not_count(plain: Objective) -> None:
    silent = POWER * (np.arange(4) > 0)
    found = comparable_score(Weighted(plain, np.array([0.0, 1.0, 1.0, 1.0])), silent, CLEAR_DB)
    expected = comparable_score(plain, silent[:, 1:], CLEAR_DB[:, 1:, 1:])
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_silent_link_leaves_next_to_nothing_of_a_harmonic_mean() -> None:
    found = comparable_score(AlphaFair(2.0), POWER * (np.arange(4) > 0), CLEAR_DB)
    assert ((found >= 0) & (found < 1e-4)).all()


def test_a_silent_link_makes_the_geometric_mean_zero_without_a_warning() -> None:
    silent = POWER * (np.arange(4) > 0)
    np.testing.assert_array_equal(score("proportional-fair", silent, GAIN_DB), np.zeros(5))


def test_ratio_to_oneself_is_one_and_others_follow() -> None:
    scored = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 4.0, 6.0])}
    compared = ratios(scored, "a", seed=0, resamples=50, confidence=0.9)
    assert compared["a"] == (1.0, 1.0, 1.0)
    assert compared["b"] == pytest.approx((2.0, 2.0, 2.0))


@pytest.mark.parametrize("reference", [np.array([-1.0, 0.5]), np.zeros(2)])
def test_there_is_no_ratio_to_a_reference_that_is_not_positive(reference: np.ndarray) -> None:
    assert ratios({"a": np.ones(2), "r": reference}, "r", 0, 50, 0.9) == {"a": None, "r": None}
