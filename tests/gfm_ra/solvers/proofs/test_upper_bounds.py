"""Upper bounds: above every powers' utility, and above the optimum where it is known."""

import numpy as np
import pytest

from gfm_ra.bounds import bounds, upper
from gfm_ra.exact import optimum
from gfm_ra.goals import ProportionalFair, SumRate
from gfm_ra.solvers import wmmse
from gfm_ra.solvers.proofs.certificate import utility_of
from tests.gfm_ra.solvers.proofs.test_exact import GOALS, networks, strong, weighted


@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize("links", [1, 2, 5, 17])
def test_nothing_is_above_a_bound(goal, links):
    gain, rng = networks(links), np.random.default_rng(links)
    for aim in (goal, weighted(goal, links)):
        found = bounds(gain, aim)
        least = np.minimum.reduce(list(found.values()))
        np.testing.assert_array_equal(upper(gain, aim), least)
        powers = [
            wmmse(gain, aim, starts=50).astype(np.float64),
            rng.uniform(size=(12, links)),
            np.ones((12, links)),
        ]
        if links <= 5:
            powers.append(optimum(gain, aim, 1e-4).power.astype(np.float64))
        for power in powers:
            assert (utility_of(aim, power, gain) <= least + 1e-9 * np.abs(least)).all()


def test_groups_are_tighter_than_single_links_and_whole_groups_are_exact():
    gain = networks(8)
    found = {size: bounds(gain, SumRate(), group=size) for size in (2, 4, 8)}
    assert (found[2]["groups"] <= found[2]["single-links"] + 1e-9).all()
    assert (found[4]["groups"].mean() < found[2]["groups"].mean()) & (
        found[8]["groups"].mean() < found[4]["groups"].mean()
    )
    four = networks(4)
    np.testing.assert_allclose(bounds(four)["groups"], optimum(four).lower, rtol=2e-3)


def test_the_tangent_is_tight_for_proportional_fairness():
    gain = strong(12)
    found = bounds(gain, ProportionalFair())
    reached = optimum(gain, ProportionalFair()).lower
    assert np.median((found["tangent"] - reached) / 12) < 1e-6


def test_shapes_and_errors():
    gain = networks(3, 6).reshape(2, 3, 3, 3)
    assert upper(gain).shape == (2, 3)
    assert np.ndim(upper(gain[0, 0])) == 0
    with pytest.raises(ValueError, match="2 to 8 links, got 1"):
        upper(gain, group=1)
    gain[0, 0, 0, 1] = np.nan
    with pytest.raises(ValueError, match="1 gains are unknown"):
        upper(gain)
