"""Channels of QuaDRiGa's mat_save and of MATLAB's toolboxes become gains; complex arrays of .mat files are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from gfm_ra.bridges import (
    network_from_path_gains,
    network_from_quadriga,
    network_from_sionna,
    network_from_toolbox,
    read_matlab,
)
from gfm_ra.errors import InputError

POWERS = {"transmit_power_dbm": 40.0, "noise_power_dbm": -94.0}
R, T, A, B, PATHS, SNAPSHOTS = 3, 3, 2, 2, 4, 5


def coefficients(seed: int = 0) -> np.ndarray:
    """[R, T, A, B, paths, snapshots]; receiver k hears transmitter k best."""
    rng = np.random.default_rng(seed)
    shape = (R, T, A, B, PATHS, SNAPSHOTS)
    h = 1e-6 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    return h * np.where(np.eye(R, T) > 0, 100.0, 1.0)[:, :, None, None, None, None]


def saved(values: np.ndarray, delays: np.ndarray, order: np.ndarray | None = None) -> dict[str, Any]:
    """The variables that `mat_save` writes for channels [R, T]: columns first, single precision."""
    receivers, transmitters = values.shape[:2]
    order = np.arange(receivers * transmitters) + 1 if order is None else order
    found: dict[str, Any] = {
        "ChannelDims": np.array([[receivers, transmitters, 1, 1]], np.int64),
        "Order": np.pad(order, (0, 65535 - len(order)))[None].astype(np.uint16),
    }
    for place, number in enumerate(order):
        name, (tx, rx) = f"channel_{number:05d}_", divmod(place, receivers)
        found[f"{name}Name"] = f"Tx{tx + 1}_Rx{rx + 1}"
        found[f"{name}Coeffs"] = values[rx, tx].astype(np.complex64)
        found[f"{name}Delays"] = delays[rx, tx].astype(np.float32)
        found[f"{name}IndividualDelays"] = np.array([[delays.ndim > 4]])
    return found


def delays(*shape: int) -> np.ndarray:
    """Multiples of 100 ns, all paths of a pair at different times."""
    return np.broadcast_to((np.arange(PATHS)[:, None] * 1e-7), (*shape, PATHS, SNAPSHOTS))


@pytest.mark.parametrize("compressed", [False, True])
def test_complex_arrays_are_read_as_matlab_shapes_them(tmp_path: Path, compressed: bool) -> None:
    h, path = coefficients(), tmp_path / "a.mat"
    savemat(path, {"h": h, "single": h.astype(np.complex64), "x": np.arange(6.0).reshape(2, 3), "name": "text"},
            do_compression=compressed)  # fmt: skip
    found = read_matlab(path)
    assert sorted(found) == ["h", "single", "x"]
    np.testing.assert_array_equal(found["h"], h)
    assert found["single"].dtype == np.complex64
    np.testing.assert_array_equal(found["x"], np.arange(6.0).reshape(2, 3))


def test_a_file_of_mat_save_is_a_network(tmp_path: Path) -> None:
    h, path = coefficients(), tmp_path / "channels.mat"
    savemat(path, saved(h, delays(R, T)))
    found = network_from_quadriga(path, **POWERS)
    expected = (np.abs(h) ** 2).sum(4).mean((2, 3, 4)) * 10.0 / 10 ** (-94.0 / 10 - 3)
    np.testing.assert_allclose(found.gain, expected, rtol=1e-5)
    each = network_from_quadriga(path, time="each", **POWERS)
    assert each.gain.shape == (SNAPSHOTS, R, R)
    np.testing.assert_allclose(each.gain.mean(0), expected, rtol=1e-5)


def test_the_order_of_the_file_counts() -> None:
    h = coefficients()
    plain = network_from_quadriga(saved(h, delays(R, T)), **POWERS)
    shuffled = np.random.default_rng(1).permutation(R * T) + 1
    other = network_from_quadriga(saved(h, delays(R, T), shuffled), **POWERS)
    np.testing.assert_array_equal(other.gain, plain.gain)


@pytest.mark.parametrize("individual", [False, True])
@pytest.mark.parametrize("antennas", ["mean", "maximum-ratio"])
def test_frequency_responses_are_those_of_paths_and_delays(individual: bool, antennas: str) -> None:
    h, frequencies = coefficients(), np.array([-1e6, 0.0, 2.5e6])
    late = delays(R, T, A, B) if individual else delays(R, T)
    found = network_from_quadriga(
        saved(h, late), frequencies_hz=frequencies, antennas=antennas, time="each", **POWERS
    )
    turns = np.exp(-2j * np.pi * np.arange(PATHS)[:, None] * 1e-7 * frequencies)
    response = np.einsum("rtabpn,ps->ratbns", h, turns)
    expected = network_from_sionna(response, antennas=antennas, time="each", **POWERS)
    np.testing.assert_allclose(found.gain, expected.gain, rtol=1e-4)


def test_dimensions_of_one_that_matlab_drops_come_back() -> None:
    h = coefficients()[..., :1, :1]
    arrays = saved(h, delays(R, T)[..., :1, :1])
    dropped = {name: value[..., 0, 0] if name.endswith("Coeffs") else value for name, value in arrays.items()}
    np.testing.assert_array_equal(
        network_from_quadriga(dropped, **POWERS).gain, network_from_quadriga(arrays, **POWERS).gain
    )


def toolbox(h: np.ndarray) -> np.ndarray:
    """[R, T, A, B, paths, snapshots] as [snapshots, paths, B, A, R, T]."""
    return h.transpose(5, 4, 3, 2, 0, 1)


def test_path_gains_of_a_toolbox_are_normalised_and_get_their_path_loss() -> None:
    h = coefficients()
    h /= np.sqrt((np.abs(h) ** 2).sum(4, keepdims=True).mean((2, 3, 5), keepdims=True))  # 0 dB in all
    loss_db = 90.0 + 10.0 * np.arange(9.0).reshape(3, 3) * (1 - np.eye(3)) + 20.0 * (1 - np.eye(3))
    found = network_from_toolbox(toolbox(h), path_loss_db=loss_db, **POWERS)
    budget = network_from_path_gains(path_loss_db=loss_db, **POWERS)
    np.testing.assert_allclose(found.gain_db, budget.gain_db, atol=1e-9)


@pytest.mark.parametrize("kept", [6, 5, 4, 3, 2])
def test_path_gains_of_one_pair_are_those_with_the_dimensions_that_matlab_drops(kept: int) -> None:
    """One receiver and one transmitter, with fewer and fewer antennas: dimensions of 1 at the end are missing."""
    rng = np.random.default_rng(5)
    shape = tuple(size if axis < kept else 1 for axis, size in enumerate((SNAPSHOTS, PATHS, B, A, 1, 1)))
    gains = 1e-5 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    given = gains.reshape(shape[:kept])
    expected = (np.abs(gains) ** 2).sum(1).mean() * 10.0 / 10 ** (-94.0 / 10 - 3)
    found = network_from_toolbox(given, path_loss_db=0.0, **POWERS)
    np.testing.assert_allclose(found.gain, [[expected]], rtol=1e-9)


def test_a_toolbox_and_quadriga_mean_the_same_paths() -> None:
    h, frequencies = coefficients(), np.array([0.0, 3e6])
    one = network_from_quadriga(saved(h, delays(R, T)), frequencies_hz=frequencies, **POWERS)
    other = network_from_toolbox(
        toolbox(h),
        path_loss_db=0.0,
        path_delays_s=np.arange(PATHS) * 1e-7,
        frequencies_hz=frequencies,
        **POWERS,
    )
    np.testing.assert_allclose(other.gain, one.gain, rtol=1e-4)


def refused(said: str, call: Any, *given: Any, **more: Any) -> None:
    with pytest.raises((ValueError, InputError), match=said) as caught:
        call(*given, **(POWERS | more))
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_is_one_line(tmp_path: Path) -> None:
    h = coefficients()
    good = saved(h, delays(R, T))
    refused("no ChannelDims", network_from_quadriga, {})
    refused("one carrier", network_from_quadriga, good | {"ChannelDims": np.array([[3, 3, 2, 1]])})
    missing = {name: value for name, value in good.items() if name != "channel_00004_Coeffs"}
    refused("channel_00004_Coeffs is missing", network_from_quadriga, missing)
    late = {name: value for name, value in good.items() if name != "channel_00002_Delays"}
    refused("channel_00002_Delays is missing", network_from_quadriga, late, frequencies_hz=[0.0])
    fewer = good | {"channel_00001_Coeffs": good["channel_00001_Coeffs"][:1]}
    refused("differ between pairs", network_from_quadriga, fewer)
    refused("frequencies_hz=", network_from_quadriga, good, antennas="maximum-ratio")
    refused("do not fit", network_from_quadriga, good | {"channel_00001_Delays": np.zeros((3, 7))},
            frequencies_hz=[0.0])  # fmt: skip
    refused("belong together", network_from_toolbox, toolbox(h), path_loss_db=0.0, path_delays_s=[0.0])
    refused("path_delays_s", network_from_toolbox, toolbox(h), path_loss_db=0.0, path_delays_s=[0.0],
            frequencies_hz=[0.0])  # fmt: skip
    refused("path_loss_db must be", network_from_toolbox, toolbox(h), path_loss_db=[1.0, 2.0])
    refused("receivers", network_from_toolbox, toolbox(h)[None], path_loss_db=0.0)
    refused("receivers", network_from_toolbox, toolbox(h)[0, :, 0, 0, 0, 0], path_loss_db=0.0)
    refused("is it a gain", network_from_toolbox, toolbox(h), path_loss_db=-90.0)
    refused("frequencies_hz: holds none", network_from_quadriga, good, frequencies_hz=[])
    refused("frequencies_hz: holds none", network_from_toolbox, toolbox(h), path_loss_db=0.0,
            path_delays_s=np.zeros(PATHS), frequencies_hz=[])  # fmt: skip
    newer = tmp_path / "newer.mat"
    newer.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512, b" ") + b"\x89HDF\r\n\x1a\n")
    refused("version 7.3", network_from_quadriga, newer)
    damaged = tmp_path / "damaged.mat"
    savemat(damaged, good, do_compression=True)
    damaged.write_bytes(damaged.read_bytes()[:-200])
    refused("damaged", network_from_quadriga, damaged)
