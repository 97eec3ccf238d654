"""WMMSE: agreement with a textbook version in float64, and the laws that every solution obeys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.channel import simulate
from components.objectives import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from components.rates import spectral_efficiency
from components.scenario import SCENARIOS
from components.solvers import full_reuse, greedy, wmmse

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


# Invariances


def test_permuting_links_permutes_powers():
    gain = snapshots("D2", 20)
    order = np.random.default_rng(3).permutation(35)
    permuted = wmmse(gain[:, order][:, :, order], iterations=20)
    np.testing.assert_allclose(permuted, wmmse(gain, iterations=20)[:, order], atol=1e-3)


def test_dead_links_change_nobody():
    gain = snapshots("D1", 20)
    padded = np.zeros((20, 27, 27), dtype=np.float32)
    padded[:, :20, :20] = gain
    for objective in (SumRate(), ProportionalFair(), QoS()):
        alone, beside = wmmse(gain, objective, iterations=20), wmmse(padded, objective, iterations=20)
        np.testing.assert_allclose(beside[:, :20], alone, atol=1e-3)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_batching_and_threads_change_no_bit(objective):
    gain = snapshots("D2", 9)
    together = wmmse(gain, objective, starts=21, iterations=15, seed=3, threads=1)
    threaded = wmmse(gain, objective, starts=21, iterations=15, seed=3, threads=3)
    alone = [
        wmmse(gain[i], objective, starts=21, iterations=15, seed=3, first_index=i) for i in range(len(gain))
    ]
    assert np.array_equal(together, threaded)
    assert np.array_equal(together, np.stack(alone))


def test_seeds_differ():
    gain = snapshots("D20", 4)
    assert not np.array_equal(wmmse(gain, starts=3, seed=1), wmmse(gain, starts=3, seed=2))


def test_shapes_follow_the_gain():
    gain = snapshots("D1", 6)
    flat = wmmse(gain, iterations=5)
    assert wmmse(gain[0], iterations=5).shape == (20,)
    assert np.array_equal(wmmse(gain.reshape(2, 3, 20, 20), iterations=5).reshape(6, 20), flat)
    assert wmmse(gain[:0]).shape == (0, 20)
    assert np.array_equal(wmmse(gain.astype(np.float64), iterations=5), flat)
    frozen = gain.copy()
    frozen.flags.writeable = False
    assert np.array_equal(wmmse(frozen, iterations=5), flat)


def test_tolerance_stops_early_at_the_same_place():
    gain = snapshots("D1", 20)
    loose = utility(wmmse(gain, iterations=5000, tolerance=1e-4), gain, SumRate())
    np.testing.assert_allclose(loose, utility(wmmse(gain, iterations=5000), gain, SumRate()), rtol=2e-2)
    unmoved = wmmse(gain, iterations=5000, tolerance=2.0)
    assert np.array_equal(unmoved, wmmse(gain, iterations=1))


def test_weights_move_the_optimum_and_equal_weights_do_not():
    gain = snapshots("D1", 20)
    assert np.array_equal(wmmse(gain, Weighted(SumRate(), np.full(20, 7.0))), wmmse(gain))
    favourite = np.ones(20)
    favourite[4] = 50.0
    weighted = spectral_efficiency(wmmse(gain, Weighted(SumRate(), favourite)), gain)[:, 4].mean()
    assert weighted > 1.2 * spectral_efficiency(wmmse(gain), gain)[:, 4].mean()
    rows = np.random.default_rng(1).random((20, 20))
    each = Weighted(ProportionalFair(), rows)
    one = Weighted(ProportionalFair(), rows[3])
    assert np.array_equal(wmmse(gain, each)[3], wmmse(gain[3], one))


# Extremes


@settings(max_examples=150, deadline=None)
@given(data=st.data(), objective=st.sampled_from(OBJECTIVES), starts=st.sampled_from([1, 9, 22]))
def test_any_channel_gives_powers_between_zero_and_one(data, objective, starts):
    links = data.draw(st.integers(1, 9))
    entries = st.one_of(st.just(0.0), st.just(2.0**66), st.floats(0.0, 2.0**66, width=32))
    gain = data.draw(arrays(np.float32, (links, links), elements=entries))
    power = wmmse(gain, objective, starts=starts, iterations=30)
    assert ((power >= 0) & (power <= 1)).all()  # NaN fails both
    assert (utility(power, gain, objective) >= utility(full_reuse(gain), gain, objective) - 1e-2).all() or (
        np.abs(utility(full_reuse(gain), gain, objective)) > 1e5
    )


def test_a_lone_link_sends_at_full_power():
    for objective in OBJECTIVES:
        assert wmmse(np.array([[3.0]]), objective) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("gain", "problem"),
    [
        (np.ones((3, 4)), r"\[..., K, K\]"),
        (np.ones(4), r"\[..., K, K\]"),
        (np.ones((0, 0)), r"\[..., K, K\]"),
        (np.array([[np.nan]]), "finite, not negative"),
        (np.array([[np.inf]]), "finite, not negative"),
        (np.array([[1e300]]), "finite, not negative"),
        (np.array([[-1.0]]), "gain_db"),
        (np.array([[1 + 1j]]), "complex channel"),
    ],
)
@pytest.mark.parametrize("solver", [wmmse, greedy, full_reuse])
def test_impossible_gains_are_refused_in_one_line(solver, gain, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        solver(gain)
    assert str(caught.value).startswith(solver.__name__)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"starts": 0},
        {"iterations": -1},
        {"threads": 0},
        {"initial_power": np.full(20, 1.5)},
        {"initial_power": np.full(20, np.nan)},
        {"initial_power": np.ones(19)},
        {"objective": Weighted(SumRate(), np.ones(19))},
        {"objective": object()},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match="wmmse"):
        wmmse(snapshots("D1", 1)[0], **options)
