"""Laws of the choice between answers: nothing that is not a power wins, and the best utility does."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfm_ra.candidates import are_powers, best_candidate
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency

GOALS = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(1 + 1e-12), AlphaFair(10.0)]
GOALS += [Weighted(goal, np.array([1.0, 0.0, 2.0])) for goal in (SumRate(), AlphaFair(7.0))]
HOSTILE = [math.nan, math.inf, -math.inf, -1.0, 2.0, 1e38, -1e-45, float(np.nextafter(np.float32(1), 2))]
GAIN = np.random.default_rng(0).exponential(10.0, (6, 3, 3)).astype(np.float32)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("place", [0, 1])
def test_a_candidate_with_a_value_that_is_no_power_never_wins(goal, value, place):
    hostile = np.full((6, 3), 0.5, np.float32)
    hostile[:, 1] = value
    candidates = [np.full((6, 3), 1e-3, np.float32)]
    candidates.insert(place, hostile)
    assert not are_powers(hostile).any()
    assert set(best_candidate(np.stack(candidates), GAIN, goal)) == {1 - place}


def test_one_bad_network_does_not_cost_the_others_their_answer():
    model = np.ones((6, 3), np.float32)
    model[2, 0] = np.nan
    chosen = best_candidate(np.stack([model, np.zeros((6, 3), np.float32)]), GAIN, SumRate())
    assert chosen.tolist() == [0, 0, 1, 0, 0, 0]


def test_without_any_sound_candidate_there_is_no_answer():
    with pytest.raises(ValueError, match="add full power"):
        best_candidate(np.full((2, 6, 3), np.nan), GAIN, SumRate())


@given(alpha=st.floats(0.0, 10.0), seed=st.integers(0, 99))
def test_the_best_by_the_definition_wins_under_any_fairness(alpha, seed):
    draws = np.random.default_rng(seed)
    powers, goal = draws.random((5, 6, 3)), AlphaFair(alpha)
    chosen = best_candidate(powers, GAIN, goal)
    rates = spectral_efficiency(powers, GAIN) + 1e-6
    mean = np.log(rates).mean(-1) if alpha == 1 else power_mean_log(rates, 1 - alpha)
    reached = np.take_along_axis(mean, chosen[None], 0)[0]
    np.testing.assert_allclose(reached, mean.max(0), rtol=0, atol=1e-9)


def power_mean_log(rates, exponent):
    """log of the power mean; near exponent 0 by its series, elsewhere as it is defined."""
    logs = np.log(rates)
    if abs(exponent) < 1e-5:
        return logs.mean(-1) + exponent / 2 * logs.var(-1)
    return np.log((rates**exponent).mean(-1)) / exponent
