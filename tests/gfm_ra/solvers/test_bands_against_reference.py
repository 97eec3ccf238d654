"""Compiled WMMSE over bands reaches what the plain NumPy one does, and keeps to budgets as it does."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from gfm_ra.network import Network
from gfm_ra.solvers import bands

_SPEC = importlib.util.spec_from_file_location(
    "bands_reference", Path(__file__).with_name("bands_reference.py")
)
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)


@pytest.mark.parametrize("goal", [gfm_ra.SumRate(), gfm_ra.ProportionalFair()])
@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1]])
def test_both_reach_the_same_utility(goal, groups):
    gain = 10 * np.random.default_rng(3).exponential(size=(4, 2, 4, 4)) * (1 + 9 * np.eye(4))
    limits = Network(gain, bands=True, groups=groups, limit=0.8).limits
    compiled = bands.wmmse(gain, limits, goal, starts=1, iterations=120)
    even = np.full((4, 2, 4), 0.4 if groups is None else 0.25)
    plain = reference.wmmse(gain, limits, goal, even, 120)
    assert limits.excess(plain).max() < 1e-6
    ours, theirs = (
        goal.utility(reference.rates(gain, power.astype(float)).sum(1)) for power in (compiled, plain)
    )
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.02)
