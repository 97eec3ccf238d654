"""A network is what was given, in units of noise at full power, or one line says what does not fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfm_ra import Network, network_from_channel

GAIN = np.array([[100.0, 1.0], [0.0, 50.0]])


def test_linear_and_decibels_are_the_same_network() -> None:
    linear, db = Network(GAIN), Network(gain_db=[[20.0, 0.0], [-np.inf, 10 * np.log10(50.0)]])
    np.testing.assert_allclose(linear.gain, db.gain, rtol=1e-12)
    np.testing.assert_allclose(linear.gain_db, db.gain_db, rtol=1e-12)


def test_orientation_says_what_a_row_is() -> None:
    turned = Network(GAIN.T, orientation="rows-are-transmitters")
    np.testing.assert_array_equal(turned.gain, GAIN)


def test_none_is_an_unknown_gain_as_in_json() -> None:
    network = Network(gain_db=[[30.0, None], [2.0, 25.0]])
    assert np.isnan(network.gain_db[0, 1])
    assert network.gain_db[1, 0] == 2.0


@given(seed=st.integers(0, 2**32 - 1), links=st.integers(1, 6), batch=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_gains_of_a_channel_are_received_power_over_noise(seed: int, links: int, batch: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (batch, links, links) if batch else (links, links)
    h = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    power_w, noise_w = rng.uniform(0.1, 2.0, links), rng.uniform(1e-3, 1e-2, links)
    found = network_from_channel(h, transmit_power_w=power_w, noise_power_w=noise_w)
    for receiver in range(links):
        for transmitter in range(links):
            expected = np.abs(h[..., receiver, transmitter]) ** 2 * power_w[transmitter] / noise_w[receiver]
            np.testing.assert_allclose(found.gain[..., receiver, transmitter], expected, rtol=1e-12)
    turned = network_from_channel(
        h.swapaxes(-1, -2),
        transmit_power_w=power_w,
        noise_power_w=noise_w,
        orientation="rows-are-transmitters",
    )
    np.testing.assert_allclose(turned.gain, found.gain, rtol=1e-12)


def test_dbm_and_watts_are_the_same_power() -> None:
    h = np.eye(2) + 0.1
    watts = network_from_channel(h, transmit_power_w=0.2, noise_power_w=1e-12)
    dbm = network_from_channel(h, transmit_power_dbm=10 * np.log10(200.0), noise_power_dbm=-90.0)
    np.testing.assert_allclose(watts.gain, dbm.gain, rtol=1e-12)
    np.testing.assert_allclose(watts.transmit_power_w, [0.2, 0.2])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "either gain"),
        ({"gain": GAIN, "gain_db": GAIN}, "either gain"),
        ({"gain": GAIN[0]}, r"\[\.\.\., K, K\]"),
        ({"gain": np.zeros((0, 0))}, "K >= 1"),
        ({"gain": GAIN.astype(complex)}, "network_from_channel"),
        ({"gain": [["a", "b"], ["c", "d"]]}, "real numbers"),
        ({"gain": [[1.0, 2.0], [3.0]]}, "same length|inhomogeneous"),
        ({"gain": -GAIN}, "are these dB"),
        ({"gain": [[1.0, np.inf], [0.0, 1.0]]}, r"gain\[0, 1\] is inf"),
        ({"gain": [[1.0, 2.0], [0.0, np.nan]]}, "link 1 itself is unknown"),
        ({"gain_db": [[300.0, 0.0], [0.0, 20.0]]}, "are these linear"),
        ({"gain": GAIN, "orientation": "columns"}, "rows-are-receivers"),
        ({"gain": GAIN, "transmit_power_w": [1.0, 2.0, 3.0]}, "one per link"),
        ({"gain": GAIN, "transmit_power_w": 0.0}, "positive"),
        ({"gain": GAIN, "transmit_power_w": 1.0, "transmit_power_dbm": 30.0}, "not both"),
        ({"gain": GAIN, "transmit_power_dbm": 5000.0}, "positive and finite"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(arguments: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        Network(**arguments)
    assert "\n" not in str(refusal.value)
