"""Under strong fairness the loss of a link without a rate, 1e6^(alpha - 1), hides nothing of the other links."""

import numpy as np
import pytest

from gfm_ra.candidates import best_candidate
from gfm_ra.goals import AlphaFair, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse

LINKS, COUNT = 10, 60


@pytest.fixture(scope="module")
def gain():
    gain_db = np.random.default_rng(0).normal(5.0, 12.0, (COUNT, LINKS, LINKS)) + 15.0 * np.eye(LINKS)
    return (10.0 ** (gain_db / 10.0)).astype(np.float32)


def beside(gain, own):
    """The same networks and one link more that neither hears nor disturbs the others; own: its gain."""
    wider = np.zeros((COUNT, LINKS + 1, LINKS + 1), np.float32)
    wider[:, :LINKS, :LINKS] = gain
    wider[:, LINKS, LINKS] = own
    return wider


def rates(power, gain):
    return spectral_efficiency(power.astype(np.float64), gain.astype(np.float64))


@pytest.mark.parametrize("alpha", [1.5, 2.0, 5.0, 7.0, 10.0])
@pytest.mark.parametrize("starts", [1, 20])
@pytest.mark.parametrize("together", [True, False])
def test_a_link_without_a_rate_or_without_a_weight_changes_no_power_of_the_others(
    gain, alpha, starts, together
):
    goal = AlphaFair(alpha)
    count = COUNT if together else 1  # many snapshots share vectors, one is solved alone
    alone = wmmse(gain[:count], goal, starts=starts)
    without_rate = wmmse(beside(gain, 0.0)[:count], goal, starts=starts)
    assert np.array_equal(without_rate[:, :LINKS], alone)
    weights = np.append(np.ones(LINKS), 0.0)
    without_weight = wmmse(beside(gain, 1e-3)[:count], Weighted(goal, weights), starts=starts)
    assert np.array_equal(without_weight[:, :LINKS], alone)
    ours, theirs = (rates(power, gain[:count]) for power in (alone, np.ones_like(alone)))
    assert (goal.merit(ours) >= goal.merit(theirs) - 1e-6).all()
    assert np.median(goal.advantage(ours, theirs)) > 0


@pytest.mark.parametrize("alpha", [2.0, 7.0, 10.0])
def test_the_choice_between_answers_sees_past_a_link_without_a_rate(gain, alpha):
    goal = AlphaFair(alpha)
    candidates = np.random.default_rng(1).random((6, COUNT, LINKS)).astype(np.float32)
    expected = best_candidate(candidates, gain, goal)
    wider = np.concatenate([candidates, np.ones((6, COUNT, 1), np.float32)], axis=-1)
    assert np.array_equal(best_candidate(wider, beside(gain, 0.0), goal), expected)
    assert len(set(expected.tolist())) == 6


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.25, 2.0, 10.0])
def test_the_sign_of_an_advantage_is_that_of_the_utilities(alpha):
    goal, draws = AlphaFair(alpha), np.random.default_rng(2)
    ours, theirs = draws.random((2, 200, 4)) + 0.2
    weights = draws.random(4)
    for scale in (None, weights):
        expected = np.sign(
            ((goal.benefit(ours) - goal.benefit(theirs)) * (1 if scale is None else scale)).sum(-1)
        )
        assert np.array_equal(np.sign(goal.advantage(ours, theirs, scale)), expected)
    assert np.array_equal(goal.advantage(ours, ours), np.zeros(200))
