"""WMMSE: agreement with a textbook version in float64, and the laws that every solution obeys."""

import numpy as np
import pytest

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, wmmse

OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(2.0)]


def utility(power, gain, objective):
    """Utility in float64 of every snapshot."""
    return objective.utility(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)))


def textbook(gain, power, iterations, objective):
    """Utility-WMMSE as published, in float64, unrefined: receivers u, weights w, transmitters v."""
    gain = gain.astype(np.float64)  # [B, K, K]
    own = np.sqrt(np.diagonal(gain, axis1=1, axis2=2))
    v = np.sqrt(power.astype(np.float64))
    for _ in range(iterations):
        received = np.einsum("bkj,bj->bk", gain, v**2) + 1
        sinr = (own * v) ** 2 / (received - (own * v) ** 2)
        u = own * v / received
        w = objective.slope(np.log2(1 + sinr)) * (1 + sinr)
        v = np.minimum(1, w * u * own / np.einsum("bjk,bj->bk", gain, u**2 * w))
    return v**2


def snapshots(name, count, seed=7):
    return simulate(SCENARIOS[name], count, seed)


# Agreement


@pytest.mark.parametrize("name", ["D1", "D10", "D16", "D20"])
def test_agrees_with_the_textbook_on_every_one_of_a_thousand_snapshots(name):
    gain = snapshots(name, 1000)
    ours = utility(wmmse(gain), gain, SumRate())
    theirs = utility(textbook(gain, full_reuse(gain), 100, SumRate()), gain, SumRate())
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize("objective", [ProportionalFair(), AlphaFair(0.5)], ids=repr)
def test_agrees_with_the_textbook_where_that_converges(objective):
    gain = snapshots("D1", 100)
    ours = utility(wmmse(gain, objective), gain, objective)
    theirs = utility(textbook(gain, full_reuse(gain), 100, objective), gain, objective)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


def mix(state):
    """SplitMix64's finaliser in plain integers."""
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) % 2**64
    return state ^ (state >> 31)


def random_start(seed, index, start, links):
    """The documented starting powers, recomputed."""
    golden = 0x9E3779B97F4A7C15
    key = mix((seed + golden) % 2**64)
    key = mix((key + golden * (index + 1)) % 2**64)
    key = mix((key + golden * (start + 1)) % 2**64)
    return [((mix((key + golden * (k + 1)) % 2**64) >> 40) + 0.5) / 2**24 for k in range(links)]


@pytest.mark.parametrize("starts", [3, 12, 30, 45])  # one by one, a half tile, a full tile, both
def test_best_of_starts_agrees_with_the_textbook_from_the_same_starts(starts):
    gain = snapshots("D16", 20)
    candidates = [utility(textbook(gain, full_reuse(gain), 30, SumRate()), gain, SumRate())]
    for start in range(1, starts):
        begin = np.array([random_start(5, 40 + index, start, 20) for index in range(len(gain))])
        candidates.append(utility(textbook(gain, begin, 30, SumRate()), gain, SumRate()))
    ours = utility(wmmse(gain, starts=starts, iterations=30, seed=5, first_index=40), gain, SumRate())
    np.testing.assert_allclose(ours, np.max(candidates, axis=0), rtol=1e-4)


def test_random_starts_are_uniform():
    gain = np.eye(200, dtype=np.float32)[None] * 0  # dead links keep nobody from their start
    powers = [wmmse(gain, iterations=0, initial_power=None, starts=2, seed=seed)[0] for seed in range(5)]
    assert all((power == 1).all() for power in powers)  # equal utility: start 0 wins, ties never move
    values = np.array([random_start(seed, 0, 1, 1000) for seed in range(20)]).ravel()
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.var() - 1 / 12) < 0.003


# Monotonicity


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("name", SCENARIOS)
def test_utility_never_falls_with_iterations(name, objective):
    gain = snapshots(name, 3)
    values = [utility(wmmse(gain, objective, iterations=n), gain, objective) for n in (*range(25), 50, 100)]
    values = np.array(values)
    slack = 2e-5 * np.abs(values[:-1]) + 1e-4
    assert (np.diff(values, axis=0) >= -slack).all()


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_more_starts_never_hurt(objective):
    gain = snapshots("D19", 6)
    counts = (1, 3, 7, 10, 19, 25, 33, 45)  # every mix of lone starts, half and full tiles
    values = [utility(wmmse(gain, objective, starts=n, iterations=40), gain, objective) for n in counts]
    assert (np.diff(values, axis=0) >= -1e-6 * np.abs(values[0])).all()


def test_polishing_never_hurts():
    gain = snapshots("D3", 20)
    power = np.random.default_rng(0).random((20, 50), dtype=np.float32)
    for objective in OBJECTIVES:
        polished = wmmse(gain, objective, iterations=5, initial_power=power)
        better = utility(polished, gain, objective) - utility(power, gain, objective)
        assert (better >= -1e-3).all()
        assert better.mean() > 0


# Quality


def test_truncation_reproduces_the_published_fractions():
    gain = snapshots("D16", 300)
    best = utility(wmmse(gain, starts=100), gain, SumRate()).mean()
    steps = (1, 2, 5, 10, 20, 50, 100)
    fractions = [utility(wmmse(gain, iterations=n), gain, SumRate()).mean() / best for n in steps]
    np.testing.assert_allclose(fractions, [0.81, 0.86, 0.90, 0.93, 0.94, 0.957, 0.966], atol=0.03)


def test_two_links_come_close_to_the_best_corner_and_never_beat_it():
    # for two links a corner of the square of powers is optimal (Gjendemsjo, Gesbert, Oien and Kiani, 2008)
    gain = snapshots("D16", 100)[:, :2, :2].copy()
    corners = np.array([[1, 1], [1, 0], [0, 1]], dtype=np.float32)
    best = np.max([utility(np.tile(corner, (100, 1)), gain, SumRate()) for corner in corners], axis=0)
    reached = utility(wmmse(gain, starts=40), gain, SumRate()) / best
    assert reached.max() <= 1 + 1e-6
    assert reached.mean() > 0.98


@pytest.mark.parametrize("name", ["D18", "D15"])
def test_damping_beats_the_best_iterate_of_the_textbook_on_quality_of_service(name):
    gain = snapshots(name, 40)
    power, theirs = full_reuse(gain), np.full(40, -np.inf)
    for _ in range(100):
        power = textbook(gain, power, 1, QoS())
        theirs = np.maximum(theirs, utility(power, gain, QoS()))
    assert (utility(wmmse(gain, QoS()), gain, QoS()) - theirs).mean() > 5.0


@pytest.mark.parametrize("objective", OBJECTIVES[1:], ids=repr)
def test_every_objective_is_best_served_by_its_own_weights(objective):
    gain = snapshots("D18", 40)
    own = utility(wmmse(gain, objective, starts=8), gain, objective).mean()
    for other in (SumRate(), ProportionalFair(), QoS()):
        if other != objective:
            assert own > utility(wmmse(gain, other, starts=8), gain, objective).mean()


def test_solution_is_stationary():
    gain = snapshots("D1", 20)
    for objective in (SumRate(), ProportionalFair()):
        power = wmmse(gain, objective, iterations=3000)
        again = wmmse(gain, objective, iterations=1, initial_power=power)
        assert np.abs(again - power).max() < 2e-2
