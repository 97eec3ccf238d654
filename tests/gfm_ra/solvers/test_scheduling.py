"""Schedulers: all or nothing, and what each of them promises."""

import numpy as np
import pytest

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.goals import ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import fplinq, full_reuse, greedy, wmmse

OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), Weighted(SumRate(), np.linspace(1, 3, 35))]


@pytest.fixture(scope="module")
def gain():
    return simulate(SCENARIOS["D17"], 40, 3)


def greedy_by_hand(gain, objective):
    """The rule in plain float64: links by falling direct gain, kept when the utility improves."""
    power = np.zeros(len(gain))
    best = objective.utility(spectral_efficiency(power, gain))
    for k in np.argsort(-np.diag(gain)):
        trial = power.copy()
        trial[k] = 1
        value = objective.utility(spectral_efficiency(trial, gain))
        if value > best:
            power, best = trial, value
    return power


@pytest.mark.parametrize("solve", [full_reuse, greedy, fplinq])
def test_powers_are_zero_or_one(solve, gain):
    power = solve(gain)
    assert power.dtype == np.float32
    assert power.shape == gain.shape[:-1]
    assert np.isin(power, (0, 1)).all()
    assert np.array_equal(solve(gain[5]), power[5])


def test_full_reuse_is_everyone(gain):
    assert (full_reuse(gain) == 1).all()


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_greedy_follows_its_rule(objective, gain):
    expected = [greedy_by_hand(one.astype(np.float64), objective) for one in gain]
    assert np.array_equal(greedy(gain, objective), expected)


def test_greedy_beats_full_reuse_on_average(gain):
    def value(power):
        return SumRate().utility(spectral_efficiency(power, gain)).mean()

    assert value(greedy(gain)) > 1.15 * value(full_reuse(gain))


def test_greedy_on_threads_changes_no_bit(gain):
    assert np.array_equal(greedy(gain, threads=3), greedy(gain, threads=1))


def test_fplinq_rounds_the_continuous_iteration(gain):
    continuous = wmmse(gain, iterations=50)
    assert np.array_equal(fplinq(gain, iterations=50), continuous > 0.5)


def test_fplinq_keeps_most_of_the_continuous_sum_rate(gain):
    schedule = SumRate().utility(spectral_efficiency(fplinq(gain), gain)).mean()
    assert 0.85 < schedule / SumRate().utility(spectral_efficiency(wmmse(gain), gain)).mean() < 1.0
