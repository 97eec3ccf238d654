"""Stochastic WMMSE finds powers for gains that are known by samples."""

import numpy as np
import pytest

from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import stochastic_wmmse, wmmse

GOALS = [
    SumRate(),
    ProportionalFair(),
    QoS(),
    AlphaFair(0.5),
    Weighted(SumRate(), np.array([1.0, 2.0, 3.0, 1.0, 5.0])),
]


def samples(count: int, deviation_db: float, seed: int = 0) -> np.ndarray:
    """[count, 6, 5, 5]."""
    drawing = np.random.default_rng(seed)
    mean_db = 5.0 + 8.0 * drawing.standard_normal((6, 5, 5)) + 20.0 * np.eye(5)
    return 10.0 ** ((mean_db + deviation_db * drawing.standard_normal((count, 6, 5, 5))) / 10.0)


def mean_utility(power: np.ndarray, gain: np.ndarray, goal: Objective) -> np.ndarray:
    rates = spectral_efficiency(np.broadcast_to(power.astype(np.float64), gain.shape[:-1]), gain)
    return np.asarray(goal.utility(rates)).mean(0)


def test_of_one_sample_it_is_wmmse() -> None:
    gain = samples(1, 0.0)
    found = mean_utility(stochastic_wmmse(gain), gain, SumRate())
    expected = mean_utility(wmmse(gain[0]), gain, SumRate())
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: type(goal).__name__)
def test_powers_never_lose_against_those_that_it_starts_from(goal: Objective) -> None:
    gain = samples(20, 6.0)
    start = np.random.default_rng(1).random((6, 5)).astype(np.float32)
    found = stochastic_wmmse(gain, goal, 30, start)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()
    before, after = (mean_utility(power, gain, goal) for power in (start, found))
    assert (after >= before - 1e-6 * np.abs(before)).all()
    assert (after > before + 1e-3).any()


def test_the_mean_over_samples_beats_the_gains_in_their_middle() -> None:
    gain = samples(200, 10.0)
    middle = 10.0 ** np.log10(gain).mean(0)
    once = wmmse(middle, starts=20)
    found = stochastic_wmmse(gain, initial_power=once)
    assert mean_utility(found, gain, SumRate()).sum() > 1.003 * mean_utility(once, gain, SumRate()).sum()


@pytest.mark.parametrize(
    ("gain", "more", "said"),
    [
        (np.ones((3, 3)), {}, "S, ..., K, K"),
        (np.full((2, 3, 3), np.nan), {}, "finite"),
        (np.ones((2, 3, 3)), {"iterations": -1}, "iterations"),
        (np.ones((2, 3, 3)), {"initial_power": np.full(3, 2.0)}, "initial_power"),
        (np.ones((2, 3, 3)), {"initial_power": np.ones(4)}, "initial_power"),
    ],
)
def test_what_does_not_fit_is_refused(gain: np.ndarray, more: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stochastic_wmmse(gain, **more)  # pyright: ignore[reportArgumentType]


def test_gains_that_leave_nothing_of_the_noise_are_no_division_by_zero() -> None:
    samples = np.array([[[1e20, 0.0], [1.0, 1e17]], [[3e19, 0.0], [1e3, 5e18]]])
    power = stochastic_wmmse(samples, iterations=5)
    assert np.isfinite(power).all()
    assert (power > 0).any()
