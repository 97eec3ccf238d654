"""Laws that every WMMSE answer obeys, whatever the channel: invariances, extremes, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.goals import (
    LARGEST_ALPHA,
    LARGEST_MIN_RATE,
    LARGEST_PENALTY,
    AlphaFair,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
)
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, greedy, wmmse

OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(2.0)]


def utility(power, gain, objective):
    """Utility in float64 of every snapshot."""
    return objective.utility(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)))


def snapshots(name, count, seed=7):
    return simulate(SCENARIOS[name], count, seed)


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


@pytest.mark.parametrize("weak", [1e-10, 1e-6, 1e-4])
@pytest.mark.parametrize(
    ("objective", "share"),
    [(SumRate(), 1e-6), (ProportionalFair(), 1e-4), (QoS(), 0.01), (AlphaFair(0.5), 1e-4)],
    ids=repr,
)
def test_a_link_that_nobody_hears_costs_the_others_next_to_nothing(objective, share, weak):
    gain = snapshots("D1", 20)
    more = np.full((20, 21, 21), weak, dtype=np.float32)
    more[:, :20, :20] = gain
    alone, beside = wmmse(gain, objective), wmmse(more, objective)[:, :20]
    kept, had = utility(beside, gain, objective), utility(alone, gain, objective)
    assert (kept >= had - share * np.abs(had)).all()


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

GOALS = st.one_of(
    st.builds(AlphaFair, st.floats(0.0, 6.0)),
    st.builds(AlphaFair, st.floats(0.999, 1.001)),
    st.builds(QoS, st.floats(0.0, LARGEST_MIN_RATE), st.floats(0.0, LARGEST_PENALTY)),
)


@settings(max_examples=150, deadline=None)
@given(
    objective=GOALS, links=st.integers(1, 9), seed=st.integers(0, 999), spread_db=st.sampled_from([5.0, 60.0])
)
def test_every_goal_gives_powers_no_worse_than_full_power(objective, links, seed, spread_db):
    gain_db = np.random.default_rng(seed).normal(10.0, spread_db, (links, links)).clip(-100.0, 200.0)
    gain = (10.0 ** (gain_db / 10.0)).astype(np.float32)
    power = wmmse(gain, objective, starts=9, iterations=30)
    assert ((power >= 0) & (power <= 1)).all()
    ours, theirs = (objective.merit(rates64(each, gain)) for each in (power, full_reuse(gain)))
    scale = np.abs(objective.benefit(rates64(full_reuse(gain), gain))).sum(-1)
    assert ours >= theirs - (1e-5 if isinstance(objective, AlphaFair) else 1e-5 * np.maximum(1.0, scale))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), objective=st.sampled_from(OBJECTIVES), starts=st.sampled_from([1, 9, 22]))
def test_any_channel_gives_powers_between_zero_and_one_no_worse_than_full_power(data, objective, starts):
    links = data.draw(st.integers(1, 9))
    most = float(np.float32(1e24))
    entries = st.one_of(
        *(st.floats(0.0, top, width=32) for top in (most, 1024.0)), st.sampled_from([most, 0.0])
    )
    gain = data.draw(arrays(np.float32, (links, links), elements=entries))
    power = wmmse(gain, objective, starts=starts, iterations=30)
    assert ((power >= 0) & (power <= 1)).all()  # NaN fails both
    ours, theirs = (objective.merit(rates64(each, gain)) for each in (power, full_reuse(gain)))
    # Sums of benefits in float32: their rounding counts relative to the terms, which may cancel.
    scale = np.abs(objective.benefit(rates64(full_reuse(gain), gain))).sum(-1)
    assert ours >= theirs - (1e-5 if isinstance(objective, AlphaFair) else 1e-5 * np.maximum(1.0, scale))


@pytest.mark.parametrize("alpha", [7.0, LARGEST_ALPHA])
def test_strong_fairness_gives_powers_no_worse_than_full_power(alpha):
    gain_db = np.random.default_rng(3).normal(10.0, 40.0, (500, 3, 3)).clip(-100.0, 200.0)
    gain, objective = (10.0 ** (gain_db / 10.0)).astype(np.float32), AlphaFair(alpha)
    ours, theirs = (
        objective.merit(rates64(each, gain)) for each in (wmmse(gain, objective), full_reuse(gain))
    )
    assert (ours >= theirs - 1e-4).all()


def rates64(power, gain):
    return spectral_efficiency(power.astype(np.float64), gain.astype(np.float64))


@pytest.mark.parametrize("away", [1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4])
@pytest.mark.parametrize("starts", [1, 20])
def test_alpha_fairness_near_one_reaches_what_proportional_fairness_does(away, starts):
    gain = snapshots("D18", 20)

    def reached(objective):
        return np.exp(AlphaFair(1.0).merit(rates64(wmmse(gain, objective, starts=starts), gain)))

    expected = reached(ProportionalFair())
    for alpha in (1 - away, 1 + away):
        np.testing.assert_allclose(reached(AlphaFair(alpha)), expected, rtol=5e-3)
        assert reached(AlphaFair(alpha)).mean() == pytest.approx(expected.mean(), rel=2e-4)


@pytest.mark.parametrize("solver", [wmmse, greedy])
@given(exponent=st.floats(-300.0, 300.0))
@settings(max_examples=20)
def test_the_unit_of_the_weights_changes_no_bit(solver, exponent):
    gain, weights = snapshots("D1", 3), 2.0 ** np.arange(20)
    for plain in OBJECTIVES:
        expected = solver(gain, Weighted(plain, weights))
        assert np.array_equal(solver(gain, Weighted(plain, weights * 10.0**exponent)), expected)


@pytest.mark.parametrize("tolerance", [np.nan, -1e-3, np.inf])
def test_a_tolerance_that_is_none_is_refused(tolerance):
    with pytest.raises(ValueError, match="wmmse: tolerance must be a number from 0 on"):
        wmmse(snapshots("D1", 1), tolerance=tolerance)


@pytest.mark.parametrize("objective", [AlphaFair(1e39), QoS(1e39), QoS(0.3, 1e39)], ids=repr)
@pytest.mark.parametrize("solver", [wmmse, greedy])
def test_parameters_beyond_float32_are_refused(solver, objective):
    with pytest.raises(ValueError, match="must be at most 1e"):
        solver(snapshots("D1", 1), objective)


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
