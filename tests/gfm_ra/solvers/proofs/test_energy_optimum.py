"""The best energy efficiency, global and weighted-sum, against searches of all powers and its own bounds."""

import itertools

import numpy as np
import pytest

import gfm_ra
from gfm_ra.bounds import upper
from gfm_ra.energy import EnergyEfficiency
from gfm_ra.exact import optimum
from gfm_ra.goals import Weighted
from gfm_ra.solvers import energy_efficient
from gfm_ra.solvers.proofs.certificate import utility_of
from tests.gfm_ra.solvers.proofs.test_exact import networks

GOALS = [EnergyEfficiency(0.5), EnergyEfficiency(0.05, 0.8), EnergyEfficiency(0.5, kind="weighted-sum")]
LEVELS = {1: 2000, 2: 160, 3: 40}


@pytest.mark.parametrize("links", [1, 2, 3])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_no_powers_of_a_grid_are_better(goal, links):
    gain = networks(links)
    weights = np.random.default_rng(links).uniform(0.2, 2.0, (len(gain), links))
    steps = np.concatenate([[0.0], np.geomspace(1e-5, 1.0, LEVELS[links] - 1)])
    grid = np.array(list(itertools.product(steps, repeat=links)))
    for aim in (goal, Weighted(goal, weights)):
        found = optimum(gain, aim)
        best = np.full(len(gain), -np.inf)
        for power in np.array_split(grid, max(1, len(grid) // 4000)):
            many = np.broadcast_to(power[:, None], (len(power), *gain.shape[:2]))
            best = np.maximum(best, utility_of(aim, many, gain).max(0))
        assert (best <= found.upper * (1 + 1e-12)).all()
        assert (best <= found.lower * (1 + 1e-3)).all()
        assert (found.gap <= 1e-3).all()
        assert (found.upper <= upper(gain, aim) * (1 + 1e-9)).all()


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_more_links_and_the_solver(goal):
    gain, rng = networks(5), np.random.default_rng(0)
    found = optimum(gain, goal)
    assert (found.gap <= 1e-3).all()
    solved = utility_of(goal, energy_efficient(gain, goal, starts=20), gain)
    assert (solved <= found.upper).all()
    for _ in range(200):
        power = rng.uniform(size=(12, 5)) ** rng.choice([1.0, 5.0, 20.0])
        assert (utility_of(goal, power, gain) <= found.upper).all()


def test_best_reaches_it_and_certifies():
    gain, goal = networks(4), EnergyEfficiency(0.5)
    answer = gfm_ra.load().allocate(gain=gain, goal=goal, effort="best", certify=True)
    assert (answer.gap <= 1e-3).all()
    assert (answer.utility >= optimum(gain, goal).lower * (1 - 1e-3)).all()


def test_without_circuits_there_is_no_optimum():
    with pytest.raises(ValueError, match="circuit_power 0 has no maximum"):
        optimum(networks(2), EnergyEfficiency(0.0))
