"""Laws of ratios and differences with bootstrap intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.evaluation.ratios import mean_difference, mean_over_seeds, ratio_of_means

POSITIVE = arrays(np.float64, st.integers(1, 30), elements=st.floats(0.1, 100.0))


@given(values=POSITIVE, seed=st.integers(0, 100))
def test_identical_inputs_give_exactly_one(values: np.ndarray, seed: int) -> None:
    assert ratio_of_means(values, values, seed, resamples=20) == (1.0, 1.0, 1.0)
    assert mean_difference(values, values, seed, resamples=20) == (0.0, 0.0, 0.0)


@given(values=POSITIVE)
def test_the_value_is_the_plain_ratio_of_means(values: np.ndarray) -> None:
    reference = values[::-1] + 1.0
    ratio = ratio_of_means(values, reference, 0, resamples=20)
    assert ratio.value == pytest.approx(values.mean() / reference.mean())
    assert mean_difference(values, reference, 0, 20).value == pytest.approx((values - reference).mean())


def _pairs(generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated pairs with means 2.7 and 3: common level, independent noise."""
    level = generator.gamma(4.0, 0.25, count)
    return 2.7 * level + generator.normal(0, 0.3, count), 3.0 * level + generator.normal(0, 0.3, count)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover_the_truth_as_often_as_they_say(confidence: float) -> None:
    generator, trials, covered = np.random.default_rng(0), 400, np.zeros(2)
    for trial in range(trials):
        values, reference = _pairs(generator, 80)
        ratio = ratio_of_means(values, reference, trial, 300, confidence)
        difference = mean_difference(values, reference, trial, 300, confidence)
        covered += [ratio.low <= 0.9 <= ratio.high, difference.low <= -0.3 <= difference.high]
    # Four standard errors of the count, and two points for the bootstrap's known optimism at N = 80.
    tolerance = 4 * (confidence * (1 - confidence) / trials) ** 0.5 + 0.02
    assert np.abs(covered / trials - confidence).max() < tolerance
    assert covered.max() < trials


def test_pairing_makes_the_interval_narrow() -> None:
    values, reference = _pairs(np.random.default_rng(1), 500)
    paired = ratio_of_means(values, reference, 0)
    shuffled = ratio_of_means(values, np.random.default_rng(2).permutation(reference), 0)
    assert paired.high - paired.low < 0.7 * (shuffled.high - shuffled.low)


def test_more_snapshots_make_the_interval_narrower() -> None:
    few, many = (ratio_of_means(*_pairs(np.random.default_rng(3), count), 0) for count in (100, 1600))
    assert (many.high - many.low) == pytest.approx((few.high - few.low) / 4, rel=0.35)


def test_intervals_depend_on_the_seed_only() -> None:
    pairs = _pairs(np.random.default_rng(4), 50)
    assert ratio_of_means(*pairs, 1) == ratio_of_means(*pairs, 1)
    assert ratio_of_means(*pairs, 1) != ratio_of_means(*pairs, 2)


@pytest.mark.parametrize(
    ("values", "reference"),
    [(np.ones(3), np.ones(4)), (np.ones((2, 2)), np.ones((2, 2))), (np.ones(0), np.ones(0))],
)
def test_values_that_are_not_paired_are_refused(values: np.ndarray, reference: np.ndarray) -> None:
    with pytest.raises(ValueError, match="paired values"):
        ratio_of_means(values, reference, 0)


def test_the_interval_over_seeds_is_students_t() -> None:
    mean, low, high = mean_over_seeds([1.0, 2.0, 3.0])
    half = 4.302653 / 3**0.5  # t quantile 0.975 with 2 degrees of freedom, from a table; the spread is 1
    assert (mean, low, high) == pytest.approx((2.0, 2.0 - half, 2.0 + half), rel=1e-6)
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        interval = mean_over_seeds(list(generator.normal(0.9, 0.05, 5)), 0.9)
        covered += interval.low <= 0.9 <= interval.high
    assert covered / 2000 == pytest.approx(0.9, abs=0.03)


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="at least two seeds"):
        mean_over_seeds([1.0])
