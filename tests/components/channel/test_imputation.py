"""Filling in missing gains: what is known stays, what is hidden is never read."""

import numpy as np
import pytest

from components.channel.imputation import fill_constant, fill_quantile
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.goals import SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse

FILLS = [fill_constant, fill_quantile]


def hide(gain, fraction, paired=True):
    random = np.random.default_rng(1).random(gain.shape) < fraction
    upper = np.triu(random, 1)
    lower = np.swapaxes(upper, -1, -2) if paired else np.tril(random, -1)
    return upper | lower


@pytest.fixture(scope="module")
def gain():
    return simulate(SCENARIOS["D16"], 200, 5)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("paired", [True, False])
def test_hidden_values_do_not_leak(fill, paired, gain):
    hidden = hide(gain, 0.4, paired)
    blanked = np.where(hidden, np.float32(np.nan), gain)
    filled = fill(blanked, hidden)
    assert filled.dtype == np.float32
    assert np.isfinite(filled).all()
    assert np.array_equal(filled, fill(gain, hidden))


@pytest.mark.parametrize("fill", FILLS)
def test_shown_gains_stay(fill, gain):
    hidden = hide(gain, 0.4, paired=False)
    assert np.array_equal(fill(gain, hidden)[~hidden], gain[~hidden])
    assert np.array_equal(fill(gain, np.zeros_like(hidden)), gain)


def test_constant_is_in_decibels(gain):
    hidden = hide(gain, 0.3)
    np.testing.assert_allclose(fill_constant(gain, hidden, gain_db=20.0)[hidden], 100.0, rtol=1e-6)


def test_quantile_is_that_of_the_shown_gains_of_the_same_snapshot(gain):
    hidden = hide(gain, 0.3)
    filled = fill_quantile(gain, hidden, quantile=0.75)
    for one, mask, answer in zip(gain[:20], hidden[:20], filled[:20], strict=True):
        shown = one[~mask & ~np.eye(20, dtype=bool)]
        expected = np.quantile(shown, 0.75, method="inverted_cdf")
        assert (answer[mask] == expected).all()


def test_single_snapshots_are_filled_alike(gain):
    hidden = hide(gain, 0.3)
    assert np.array_equal(fill_quantile(gain[4], hidden[4]), fill_quantile(gain, hidden)[4])


def test_half_missing_keeps_the_measured_share_of_the_sum_rate(gain):
    hidden = hide(gain, 0.5)
    best = SumRate().utility(spectral_efficiency(wmmse(gain, starts=50), gain)).mean()
    kept = SumRate().utility(spectral_efficiency(wmmse(fill_quantile(gain, hidden), starts=50), gain)).mean()
    assert kept / best == pytest.approx(0.86, abs=0.03)


@pytest.mark.parametrize("fill", FILLS)
def test_masks_must_fit(fill, gain):
    with pytest.raises(ValueError, match="hidden must be bool"):
        fill(gain, np.zeros((20, 20), dtype=bool))
    with pytest.raises(ValueError, match="hidden must be bool"):
        fill(gain, np.zeros(gain.shape))
    with pytest.raises(ValueError, match="diagonal"):
        fill(gain, np.broadcast_to(np.eye(20, dtype=bool), gain.shape))


def test_nothing_shown_has_no_quantile(gain):
    with pytest.raises(ValueError, match="use fill_constant"):
        fill_quantile(gain, np.broadcast_to(~np.eye(20, dtype=bool), gain.shape))
