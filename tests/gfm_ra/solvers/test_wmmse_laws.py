"""Laws that every WMMSE answer obeys, whatever the channel: invariances, extremes, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
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
