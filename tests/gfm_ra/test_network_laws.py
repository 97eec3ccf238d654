"""Laws of the packaged network's own answers (effort "fast"): units, extremes, and a link that hardly exists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gfm_ra
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra import Allocator, AlphaFair, ProportionalFair, QoS, SumRate, spectral_efficiency
from gfm_ra.goal_family import numbers_of
from gfm_ra.goals import LARGEST_ALPHA, LARGEST_MIN_RATE, LARGEST_PENALTY, Objective
from gfm_ra.inference.prompts import Prompt
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, to_gain_db

ROUNDING = 5e-4  # what the last digit of a gain in float32 may do to a power
GOALS: list[Objective] = [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)]


@pytest.fixture(scope="module")
def allocator() -> Allocator:
    return gfm_ra.load()


@pytest.fixture(scope="module")
def gain() -> np.ndarray:
    return simulate(SCENARIOS["D1"], 20, 7)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_decibels_and_linear_gains_get_the_same_powers(
    allocator: Allocator, gain: np.ndarray, goal: Objective
) -> None:
    gain_db = to_gain_db(gain.astype(np.float64))
    linear, db = (
        allocator.allocate(**given, goal=goal, effort="fast")
        for given in ({"gain": gain}, {"gain_db": gain_db})
    )
    np.testing.assert_allclose(linear.power, db.power, atol=ROUNDING)
    np.testing.assert_allclose(linear.rate, db.rate, atol=0.05)


@pytest.mark.parametrize("shift_db", [-90.0, -3.0, 60.0])
def test_a_common_factor_of_received_powers_and_noise_changes_no_power(
    allocator: Allocator, gain: np.ndarray, shift_db: float
) -> None:
    h, noise_dbm = np.sqrt(gain * 1e-12), -90.0
    one, other = (
        gfm_ra.network_from_channel(
            10.0 ** (shift / 20.0) * h, transmit_power_dbm=30.0, noise_power_dbm=noise_dbm + shift
        )
        for shift in (0.0, shift_db)
    )
    powers = [allocator.allocate(network, effort="fast").power for network in (one, other)]
    np.testing.assert_allclose(*powers, atol=ROUNDING)


ACCEPTED = st.one_of(
    st.builds(AlphaFair, st.floats(0.0, LARGEST_ALPHA)),
    st.builds(QoS, st.floats(0.0, LARGEST_MIN_RATE), st.floats(0.0, LARGEST_PENALTY)),
)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), goal=ACCEPTED, links=st.integers(1, 12))
def test_the_network_gives_powers_for_every_accepted_goal_and_gain(
    allocator: Allocator, data: st.DataObject, goal: Objective, links: int
) -> None:
    entries = st.one_of(
        st.floats(LEAST_GAIN_DB, LARGEST_GAIN_DB, width=32),
        st.sampled_from([LEAST_GAIN_DB, LARGEST_GAIN_DB, 0.0]),
    )
    gain_db = data.draw(arrays(np.float32, (1, links, links), elements=entries))
    prompt = Prompt(np.array([numbers_of(goal)], np.float32), np.ones((1, links), np.float32))
    power = allocator.network.powers(gain_db, prompt)  # `allocate` would replace what is no power
    assert ((power >= 0) & (power <= 1)).all()


def beside_a_weak_link(gain: np.ndarray, weak: float) -> np.ndarray:
    """Gains [N, K + 1, K + 1] of the same networks with one more link, which neither hears nor is heard."""
    batch, links, _ = gain.shape
    more = np.full((batch, links + 1, links + 1), weak, gain.dtype)
    more[:, :links, :links] = gain
    return more


@pytest.mark.parametrize("weak", [1e-10, 1e-6, 1e-3])
@pytest.mark.parametrize(
    ("goal", "share"), [(SumRate(), 0.01), (ProportionalFair(), 0.05), (QoS(), 0.05), (AlphaFair(2.0), 0.1)]
)
def test_a_link_that_nobody_hears_costs_the_others_little(
    allocator: Allocator, gain: np.ndarray, goal: Objective, share: float, weak: float
) -> None:
    alone, beside = (
        allocator.allocate(gain=each, goal=goal, effort="fast").power[:, : gain.shape[-1]].astype(np.float64)
        for each in (gain, beside_a_weak_link(gain, weak))
    )
    utilities = [
        goal.utility(spectral_efficiency(power, gain.astype(np.float64))) for power in (alone, beside)
    ]
    means = np.mean(utilities, axis=1)
    assert means[1] >= means[0] - share * abs(means[0])


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_link_that_nobody_hears_changes_no_power(
    allocator: Allocator, gain: np.ndarray, goal: Objective
) -> None:
    alone, beside = (
        allocator.allocate(gain=each, goal=goal, effort="fast").power[:, : gain.shape[-1]]
        for each in (gain, beside_a_weak_link(gain, 1e-10))
    )
    assert np.abs(alone - beside).max() < 0.05
