"""Effort best and certificates of small networks and of concave goals."""

import numpy as np
import pytest

import gfm_ra
from gfm_ra.exact import optimum
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.inference.proven import improved
from gfm_ra.solvers.proofs.certificate import scale_of, utility_of
from tests.gfm_ra.solvers.proofs.test_exact import networks

GOALS = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(2.0)]


@pytest.fixture(scope="module")
def allocator():
    return gfm_ra.load()


@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize("links", [1, 2, 4])
def test_best_is_the_optimum_of_few_links(allocator, goal, links):
    gain = networks(links)
    weights = np.random.default_rng(links).uniform(0.2, 2.0, (len(gain), links))
    for aim in (goal, Weighted(goal, weights)):
        answer = allocator.allocate(gain=gain, goal=aim, effort="best")
        found = optimum(gain, aim)
        missed = (found.lower - utility_of(aim, answer.power, gain)) / scale_of(aim, found.lower, links)
        assert (missed <= 1e-3).all()
        np.testing.assert_allclose(answer.utility, utility_of(aim, answer.power, gain), rtol=1e-9)


def test_best_is_the_optimum_of_fairness_whatever_the_size(allocator):
    gain = networks(30, 4)
    answer = allocator.allocate(gain=gain, goal=AlphaFair(2.0), effort="best")
    found = optimum(gain, AlphaFair(2.0))
    assert (answer.utility >= found.lower - 1e-6 * np.abs(found.lower)).all()
    assert (found.gap < 1e-5).all()


@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize("links", [2, 5, 12])
def test_a_certificate_bounds_every_powers(allocator, goal, links):
    gain, rng = networks(links), np.random.default_rng(links)
    answer = allocator.allocate(gain=gain, goal=goal, effort="best", certify=True)
    assert answer.gap.shape == (12,)
    highest = answer.utility + answer.gap * scale_of(goal, answer.utility, links)
    for _ in range(50):
        power = rng.uniform(size=(12, links)) ** rng.choice([0.2, 1.0, 5.0])
        assert (utility_of(goal, power, gain) <= highest + 1e-9 * np.abs(highest)).all()
    if links <= 5:
        assert (answer.gap <= 1e-3).all()
    plain = allocator.allocate(gain=gain, goal=goal, effort="best")
    assert plain.gap is None
    assert (answer.utility >= plain.utility - 1e-9 * np.abs(plain.utility)).all()


def test_one_network_has_one_gap(allocator):
    gain = networks(3, 2)
    both = allocator.allocate(gain=gain, goal="sum-rate", effort="balanced", certify=True)
    one = allocator.allocate(gain=gain[1], goal="sum-rate", effort="balanced", certify=True)
    assert np.ndim(one.gap) == 0
    assert one.gap == pytest.approx(both.gap[1])
    assert one.source in {"refined", "wmmse", "full-reuse", "exact"}


def test_what_cannot_be_proven_is_refused(allocator):
    gain = networks(3, 2)
    gain[0, 0, 1] = np.nan
    with pytest.raises(ValueError, match="1 gains are unknown: nothing can be proven"):
        allocator.allocate(gain=gain, certify=True)

    class Foreign:
        name = "foreign"

        def utility(self, rates, power=None):
            return np.sqrt(rates).sum(-1)

    with pytest.raises(ValueError, match="nothing can be proven for the goal"):
        allocator.allocate(gain=gain[1], goal=Foreign(), certify=True)


def test_a_silent_link_is_raised_where_that_is_better():
    gain = networks(4, 6)
    silent = np.ones((6, 4), np.float32)
    silent[:, 1:] = 0.0
    found, better = improved(gain, AlphaFair(2.0), silent, None)
    best = optimum(gain, AlphaFair(2.0))
    assert better.all()
    assert (utility_of(AlphaFair(2.0), found, gain) >= best.lower * (1 + 1e-6)).all()
