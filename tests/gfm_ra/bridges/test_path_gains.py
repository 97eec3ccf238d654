"""Path gains and losses become gains over noise; what can be no path gain is refused with what it may be."""

from typing import Any

import numpy as np
import pytest

from gfm_ra.bridges import network_from_path_gains

POWERS = {"transmit_power_dbm": 44.0, "noise_power_dbm": -95.0}
LOSS_DB = np.array([[90.0, 130.0, 121.0], [118.0, 95.0, 125.0], [127.0, 119.0, 101.0]])


def drawn(*shape: int) -> np.ndarray:
    """Linear path gains [*shape, links, links] of 80 to 100 dB loss for own pairs, 120 dB and more for others."""
    rng = np.random.default_rng(0)
    loss_db = rng.uniform(80.0, 100.0, (*shape, shape[-1]))
    return 10 ** (-(loss_db + 40.0 * (1.0 - np.eye(shape[-1]))) / 10)


def test_gains_and_losses_linear_and_in_db_are_the_same_network() -> None:
    gain = drawn(4, 3)
    expected = network_from_path_gains(path_gain=gain, **POWERS)
    np.testing.assert_allclose(
        expected.gain_db, 44.0 + 95.0 + 10 * np.log10(gain), rtol=1e-9, err_msg="a link budget"
    )
    for name, values in {
        "path_gain_db": 10 * np.log10(gain),
        "path_loss": 1 / gain,
        "path_loss_db": -10 * np.log10(gain),
    }.items():
        np.testing.assert_allclose(
            network_from_path_gains(**{name: values}, **POWERS).gain, expected.gain, rtol=1e-9
        )


def test_unknown_path_gains_stay_unknown_and_infinite_losses_are_none() -> None:
    loss_db = np.array([[80.0, np.nan], [np.inf, 90.0]])
    found = network_from_path_gains(path_loss_db=loss_db, **POWERS).gain_db
    np.testing.assert_allclose(found, [[59.0, np.nan], [-np.inf, 49.0]])


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        ({}, "none"),
        ({"path_gain": np.eye(2), "path_loss": np.eye(2)}, "path_gain, path_loss"),
        ({"path_gain": -np.eye(2)}, "negative"),
        ({"path_loss": -80.0 * np.ones((2, 2))}, "in dB"),
        ({"path_gain": [[0.1, np.inf], [0.1, 0.1]]}, r"path_gain\[0, 1\] is inf"),
        ({"path_gain": [[0.1, np.nan], [2.0, 0.1]]}, r"path_gain\[1, 0\] is 2: .* \(path_loss=\)"),
        ({"path_gain": LOSS_DB}, r"is 90: .*a loss \(path_loss=\), or in dB \(path_gain_db=\)"),
        ({"path_gain": 10 ** (LOSS_DB / 10)}, r"a loss \(path_loss=\)"),
        ({"path_gain_db": LOSS_DB}, r"is 90: .*a loss \(path_loss_db=\)"),
        ({"path_gain_db": 10 ** (-LOSS_DB / 10)}, r"is 1e-09: .*linear \(path_gain=\)"),
        ({"path_loss": 10 ** (-LOSS_DB / 10)}, r"is 1e-09: .*a gain \(path_gain=\)"),
        ({"path_loss_db": -LOSS_DB}, r"is -90: .*a gain \(path_gain_db=\)"),
        ({"path_loss": LOSS_DB}, r"90 to 130: is it in dB \(path_loss_db=\)"),
        ({"path_loss": [[80.0, np.inf], [np.nan, 95.0]]}, r"80 to 95: is it in dB"),
        ({"path_gain": np.eye(2) + 0j}, "real numbers"),
    ],
)
def test_path_gains_that_are_none_are_one_line(gains: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        network_from_path_gains(**gains, **POWERS)
    assert "\n" not in str(caught.value)


def test_short_distances_are_no_decibels() -> None:
    """Losses from 0 dB on are taken, in dB in any case, linear unless all of them look like decibels."""
    loss_db = np.array([[0.0, 30.0], [25.0, 10.0]])
    expected = 139.0 - loss_db
    np.testing.assert_allclose(network_from_path_gains(path_loss_db=loss_db, **POWERS).gain_db, expected)
    linear = network_from_path_gains(path_loss=10 ** (loss_db / 10), **POWERS)
    np.testing.assert_allclose(linear.gain_db, expected)
    near_db = np.array([[16.0, 24.0], [24.0, 16.0]])
    assert network_from_path_gains(path_loss_db=near_db, **POWERS).links == 2


def test_the_strongest_transmitter_is_that_of_path_gain_and_power() -> None:
    gain = np.array([[1e-9, 2e-9], [2.1e-9, 1e-9]])
    by_path = network_from_path_gains(path_gain=gain, transmit_power_w=1.0, noise_power_w=1e-12)
    np.testing.assert_allclose(by_path.gain, [[2000.0, 1000.0], [1000.0, 2100.0]])
    with pytest.raises(ValueError, match="receivers 0 and 1 both belong to transmitter 0"):
        network_from_path_gains(path_gain=gain, transmit_power_w=[40.0, 1.0], noise_power_w=1e-12)
    chosen = network_from_path_gains(
        path_gain=gain, association=[1, 0], transmit_power_w=[40.0, 1.0], noise_power_w=1e-12
    )
    np.testing.assert_allclose(chosen.gain, [[2000.0, 40000.0], [1000.0, 84000.0]])


def test_unknown_gains_are_of_no_account_whatever_the_power() -> None:
    gain = np.array([[1e-9, np.nan], [1e-10, 5e-11]])
    found = network_from_path_gains(path_gain=gain, transmit_power_w=[1.0, 3.0], noise_power_w=1e-12)
    np.testing.assert_allclose(found.gain, [[1000.0, np.nan], [100.0, 150.0]])
