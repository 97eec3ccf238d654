"""On and off in bands: powers are 0 or even parts, limits hold, and none is worse than FPLinQ made binary alike."""

import numpy as np
import pytest

import gfm_ra
from gfm_ra.inference.bands import on_off
from gfm_ra.inference.bands.problem import Problem
from gfm_ra.network import Network

GROUPS = [0, 0, 0, 1, 1, 1]


@pytest.fixture(scope="module")
def allocator():
    return gfm_ra.load()


def network(**options):
    gain = 30 * np.random.default_rng(1).exponential(size=(8, 3, 6, 6)) * (1 + 9 * np.eye(6))
    return Network(gain.astype(np.float32), bands=True, **options)


@pytest.mark.parametrize("options", [{}, {"groups": GROUPS}, {"groups": GROUPS, "exclusive": GROUPS}])
def test_powers_are_silence_or_an_even_part(allocator, options):
    asked = network(**options)
    answer = on_off.schedule(allocator, asked, gfm_ra.SumRate(), effort="fast")
    assert asked.limits.excess(answer.power).max() <= 1e-6
    for power in answer.power:
        for members in [[0, 1, 2], [3, 4, 5]] if "groups" in options else [[link] for link in range(6)]:
            spent = power[:, members]
            levels = np.unique(spent[spent > 0])
            assert levels.size <= 1 or np.ptp(levels) < 1e-6
            assert spent.sum() == pytest.approx(1.0, abs=1e-5) or spent.sum() == 0


def test_none_is_worse_than_fplinq_made_binary_alike(allocator):
    asked = network(groups=GROUPS)
    goal = gfm_ra.SumRate()
    answer = on_off.schedule(allocator, asked, goal)
    problem = Problem(asked.gain, asked.limits, goal)
    other = problem.rates(on_off.binary(problem, on_off.fplinq(problem))).sum((1, 2))
    assert (answer.utility >= other - 1e-9).all()
    assert set(answer.source.tolist()) <= {on_off.ON_OFF, on_off.FPLINQ}


def test_a_single_band_without_limits_is_on_or_off_at_full_power(allocator):
    gain = network().gain[:, 0]
    answer = on_off.schedule(allocator, Network(gain), gfm_ra.ProportionalFair())
    assert answer.power.shape == (8, 6)
    assert set(np.unique(answer.power)) <= {0.0, 1.0}


def test_unknown_gains_are_refused_in_a_line(allocator):
    with pytest.raises(ValueError, match="schedule: needs exact gains"):
        on_off.schedule(allocator, Network([[1.0, np.nan], [0.1, 1.0]]), gfm_ra.SumRate())


@pytest.mark.parametrize("goal", ["sum-rate", gfm_ra.EnergyEfficiency(circuit_power=0.1)])
def test_other_goals_are_refused_in_a_line(allocator, goal):
    for asked in (network(), Network(network().gain[:, 0])):
        with pytest.raises(ValueError, match="schedule: the goal must be an object for"):
            on_off.schedule(allocator, asked, goal)
