"""Laws of intervals over snapshots and seeds: what they cover, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.intervals import mean_difference, mean_over_seeds, mean_ratio, ratio_of_means

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


@pytest.mark.parametrize(
    ("values", "reference"),
    [([1.0, np.nan], [1.0, 2.0]), ([1.0, 2.0], [np.inf, 2.0]), ([1.0, 2.0], [0.0, 0.0])],
    ids=str,
)
def test_values_without_a_ratio_are_refused(values: list[float], reference: list[float]) -> None:
    with pytest.raises(ValueError, match="must be finite, and those of a reference not all 0"):
        ratio_of_means(np.array(values), np.array(reference), 0)


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


def draw(generator, runs, groups, scale=0.1):
    return [[1.0 + scale * generator.standard_normal(count) for count in groups] for _ in range(runs)]


def test_a_method_against_itself_is_exactly_one():
    values = draw(np.random.default_rng(0), 1, (40, 30))
    assert mean_ratio(values, values, 1) == (1.0, 1.0, 1.0)


def test_the_value_is_the_mean_over_groups_of_ratios_of_means():
    values = [[np.array([1.0, 3.0]), np.array([2.0, 2.0])]]
    reference = [[np.array([2.0, 2.0]), np.array([1.0, 3.0])]]
    assert mean_ratio(values, reference, 1).value == pytest.approx(1.0)
    assert mean_ratio(values, [[np.array([1.0, 1.0]), np.array([4.0, 4.0])]], 1).value == pytest.approx(1.25)


def test_one_run_is_covered_as_often_as_it_should_be():
    generator, inside = np.random.default_rng(0), 0
    for trial in range(200):
        values, reference = draw(generator, 1, (60,)), [[np.ones(60)]]
        found = mean_ratio(values, reference, trial)
        inside += found.low <= 1.0 <= found.high
    assert 0.90 <= inside / 200 <= 0.99


def test_seeds_that_scatter_widen_the_interval():
    generator = np.random.default_rng(1)
    snapshots = 1.0 + 0.01 * generator.standard_normal(100)
    alike = [[snapshots], [snapshots], [snapshots]]
    apart = [[snapshots - 0.1], [snapshots], [snapshots + 0.1]]
    reference = [[np.ones(100)]]
    narrow, wide = mean_ratio(alike, reference, 1), mean_ratio(apart, reference, 1)
    assert wide.value == pytest.approx(narrow.value)
    # Student's t with two degrees of freedom: 4.30 x 0.1 / sqrt(3).
    assert wide.high - wide.value == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=0.02)
    assert narrow.high - narrow.value < 0.01


def test_a_reference_of_its_own_for_every_run():
    values = [[np.full(5, 2.0)], [np.full(5, 6.0)]]
    reference = [[np.full(5, 1.0)], [np.full(5, 3.0)]]
    assert mean_ratio(values, reference, 1).value == pytest.approx(2.0)


@pytest.mark.parametrize(
    "reference", [[[np.ones(4)]], [[np.ones(5)], [np.ones(5)]], [[np.ones(5), np.ones(5)]]]
)
def test_what_does_not_belong_together_is_refused(reference):
    with pytest.raises(ValueError, match="same groups"):
        mean_ratio([[np.ones(5)], [np.ones(5)], [np.ones(5)]], reference, 1)


def test_one_bootstrap_serves_all_three() -> None:
    values, reference = _pairs(np.random.default_rng(5), 60)
    ratio = ratio_of_means(values, reference, 3)
    assert mean_ratio([[values]], [[reference]], 3) == pytest.approx(ratio, rel=1e-12)
    # Over a reference of ones a ratio of means is a mean, and a mean is a difference from nothing.
    difference = mean_difference(values, np.zeros(60), 3)
    assert ratio_of_means(values, np.ones(60), 3) == pytest.approx(difference, rel=1e-12)


def test_groups_are_resampled_independently() -> None:
    values, reference = _pairs(np.random.default_rng(6), 200)
    twice = mean_ratio([[values, values]], [[reference, reference]], 1)
    once = mean_ratio([[values]], [[reference]], 1)
    # Two groups that happen to be alike: were they resampled together, the interval would be as wide as one's.
    assert twice.high - twice.low == pytest.approx((once.high - once.low) / 2**0.5, rel=0.15)


def test_snapshots_with_nothing_to_count_do_not_spoil_the_interval() -> None:
    counted = np.zeros(6)
    counted[0] = 2.0  # a third of the resamples has none of it
    found = mean_ratio([[counted]], [[counted]], 1)
    assert found == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", ["values", "reference"])
def test_what_is_not_finite_has_no_interval(value: float, which: str) -> None:
    given = {"values": np.ones(20), "reference": np.ones(20)}
    given[which][3] = value
    with pytest.raises(ValueError, match="finite"):
        mean_ratio([[given["values"]]], [[given["reference"]]], 1)
    with pytest.raises(ValueError, match="finite"):
        mean_difference(given["values"], given["reference"], 1)
