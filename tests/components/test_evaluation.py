"""Laws of scores and ratios: what every method is judged by."""

import math

import numpy as np
import pytest
import torch

from components.backbone import BackboneConfig
from components.evaluation import model_powers, ratios, score, scores
from components.heads import PowerModel

GAIN_DB = np.random.default_rng(0).normal(10.0, 15.0, (5, 4, 4)).astype(np.float16)
POWER = np.random.default_rng(1).uniform(0.1, 1.0, (5, 4)).astype(np.float32)


def literal_rates(snapshot: int) -> list[float]:
    """(1)-(2) link by link."""
    gain, power = 10.0 ** (GAIN_DB[snapshot].astype(float) / 10.0), POWER[snapshot].astype(float)
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


def test_model_powers_are_the_models() -> None:
    torch.manual_seed(0)
    model = PowerModel(BackboneConfig(layers=1, width=16, heads=4, bias_width=8)).eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(GAIN_DB).float()).numpy()
    np.testing.assert_allclose(model_powers(model, GAIN_DB), expected, atol=1e-6)
    assert model_powers(model, GAIN_DB).dtype == np.float32
