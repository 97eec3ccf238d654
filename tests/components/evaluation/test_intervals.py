"""Intervals over snapshots and seeds: what they cover, and what they refuse."""

import numpy as np
import pytest

from components.evaluation.intervals import mean_ratio


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
