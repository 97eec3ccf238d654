"""False alarms are as rare as promised, and networks that are unlike the reference are soon noticed."""

import math

import numpy as np
import pytest

from gfm_ra.familiarity import Drift


def alarms(detector: Drift, familiarity: np.ndarray) -> int:
    return sum(detector.add(float(one)) for one in familiarity)


def test_false_alarms_are_at_least_a_run_length_apart() -> None:
    generator = np.random.default_rng(0)
    first = []
    for _ in range(200):
        detector, count = Drift(run_length=100.0), 1
        while not detector.add(generator.random()):
            count += 1
        first.append(count)
    assert np.mean(first) > 100.0


@pytest.mark.parametrize("seed", range(5))
def test_usual_networks_raise_no_alarm_and_unusual_ones_soon(seed: int) -> None:
    generator = np.random.default_rng(seed)
    detector = Drift()
    assert alarms(detector, generator.random(10_000)) == 0
    assert alarms(detector, generator.random(100) ** 3) == 1
    assert detector.alarm


def test_an_alarm_is_raised_once_and_ends_with_usual_networks() -> None:
    detector = Drift()
    assert alarms(detector, np.full(500, 0.001)) == 1
    assert detector.evidence == detector.limit
    assert alarms(detector, np.random.default_rng(1).random(400)) == 0
    assert not detector.alarm


def test_the_evidence_is_the_sum_over_all_beginnings() -> None:
    generator = np.random.default_rng(3)
    familiarity = generator.random(20)
    bets = 0.5 / np.sqrt(familiarity)
    expected = sum(np.prod(bets[begin:]) for begin in range(20))
    detector = Drift()
    alarms(detector, familiarity)
    assert detector.evidence == pytest.approx(math.log(expected))


def test_networks_that_cannot_be_compared_are_passed_over() -> None:
    detector = Drift()
    detector.add(0.01)
    before = detector.evidence
    assert not detector.add(math.nan)
    assert detector.evidence == before


@pytest.mark.parametrize("run_length", [1.0, -3.0, math.inf, math.nan])
def test_impossible_run_lengths_are_refused(run_length: float) -> None:
    with pytest.raises(ValueError, match="run_length"):
        Drift(run_length)
