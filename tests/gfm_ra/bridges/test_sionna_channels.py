"""Sionna's tensors become gains over noise: units, antennas, time steps, subcarriers and links."""

import numpy as np
import pytest

from gfm_ra import load, network_from_channel, spectral_efficiency
from gfm_ra.bridges import mean_path_gain, network_from_sionna

POWERS = {"transmit_power_dbm": 44.0, "noise_power_dbm": -95.0}


def tensor(*shape: int, seed: int = 0) -> np.ndarray:
    """A response [..., R, A, T, B, N, S] whose own pairs, the same index, are 40 dB stronger."""
    rng = np.random.default_rng(seed)
    h = 1e-6 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    own = np.eye(shape[-6], shape[-4])[:, None, :, None, None, None]
    return h * np.where(own > 0, 100.0, 1.0)


def test_a_gain_is_received_power_over_noise() -> None:
    """100 dB path loss, 44 dBm, -95 dBm of noise: 44 - 100 + 95 = 39 dB."""
    h = np.full((1, 1, 1, 1, 1, 1), 1e-5 + 0j)
    network = network_from_sionna(h, **POWERS)
    np.testing.assert_allclose(network.gain_db, [[39.0]], atol=1e-9)
    np.testing.assert_allclose(network.transmit_power_w, [10 ** (44.0 / 10 - 3)])


def test_single_antennas_and_carriers_are_plain_coefficients() -> None:
    h = tensor(5, 4, 1, 4, 1, 1, 1)
    plain = network_from_channel(h[:, :, 0, :, 0, 0, 0], **POWERS)
    for antennas in ("mean", "maximum-ratio"):
        found = network_from_sionna(h, antennas=antennas, **POWERS)
        np.testing.assert_allclose(found.gain, plain.gain, rtol=1e-9)


def test_mean_is_the_mean_power_over_antennas_symbols_and_subcarriers() -> None:
    h = tensor(3, 4, 2, 4, 3, 5, 6)
    found = network_from_sionna(h, transmit_power_w=2.0, noise_power_w=1e-12)
    expected = np.zeros((3, 4, 4))
    for receiver in range(4):
        for transmitter in range(4):
            part = np.abs(h[:, receiver, :, transmitter]) ** 2
            expected[:, receiver, transmitter] = part.mean((1, 2, 3, 4)) * 2.0 / 1e-12
    np.testing.assert_allclose(found.gain, expected, rtol=1e-9)
    np.testing.assert_allclose(mean_path_gain(h) * 2e12, expected, rtol=1e-9)


def test_maximum_ratio_is_the_largest_singular_value_for_the_own_channel() -> None:
    h = tensor(3, 2, 3, 4, 1, 1)
    found = network_from_sionna(h, antennas="maximum-ratio", transmit_power_w=1.0, noise_power_w=1.0)
    beams = [np.linalg.svd(h[k, :, k, :, 0, 0]) for k in range(3)]
    for receiver in range(3):
        for transmitter in range(3):
            u, v = beams[receiver][0][:, 0], beams[transmitter][2][0].conj()
            expected = np.abs(u.conj() @ h[receiver, :, transmitter, :, 0, 0] @ v) ** 2
            np.testing.assert_allclose(found.gain[receiver, transmitter], expected, rtol=1e-9)
        np.testing.assert_allclose(found.gain[receiver, receiver], beams[receiver][1][0] ** 2, rtol=1e-9)


def test_maximum_ratio_of_one_receive_antenna_collects_all_transmit_antennas() -> None:
    h = tensor(3, 1, 3, 8, 2, 2)
    one = network_from_sionna(h, antennas="maximum-ratio", transmit_power_w=1.0, noise_power_w=1.0)
    own = np.stack([(np.abs(h[k, :, k]) ** 2).sum((0, 1)).mean() for k in range(3)])
    np.testing.assert_allclose(np.diag(one.gain), own, rtol=1e-9)


def test_each_is_a_leading_dimension_whose_mean_is_the_mean() -> None:
    h = tensor(2, 3, 2, 3, 2, 4, 5)
    mean = network_from_sionna(h, **POWERS).gain
    both = network_from_sionna(h, time="each", subcarriers="each", **POWERS).gain
    times = network_from_sionna(h, time="each", **POWERS).gain
    carriers = network_from_sionna(h, subcarriers="each", **POWERS).gain
    assert (both.shape, times.shape, carriers.shape) == ((2, 4, 5, 3, 3), (2, 4, 3, 3), (2, 5, 3, 3))
    np.testing.assert_allclose(both.mean((1, 2)), mean, rtol=1e-9)
    np.testing.assert_allclose(both.mean(2), times, rtol=1e-9)
    np.testing.assert_allclose(both.mean(1), carriers, rtol=1e-9)


@pytest.mark.parametrize("antennas", ["mean", "maximum-ratio"])
def test_receivers_in_another_order_are_links_in_that_order(antennas: str) -> None:
    h, order = tensor(2, 4, 2, 4, 2, 3, 2), [2, 0, 3, 1]
    sent, noise = np.array([40.0, 41.0, 42.0, 43.0]), np.array([-95.0, -94.0, -93.0, -92.0])
    one = network_from_sionna(h, antennas=antennas, transmit_power_dbm=sent, noise_power_dbm=noise)
    # Transmitters keep their places: the association finds them, and their powers, again.
    other = network_from_sionna(
        h[:, order], antennas=antennas, transmit_power_dbm=sent, noise_power_dbm=noise[order]
    )
    np.testing.assert_allclose(other.gain, one.gain[:, order][:, :, order], rtol=1e-9)
    np.testing.assert_allclose(other.transmit_power_w, one.transmit_power_w[:, order])


def test_transmitters_in_another_order_change_nothing() -> None:
    h, order = tensor(4, 2, 4, 2, 3, 2), [3, 1, 0, 2]
    sent = np.array([40.0, 41.0, 42.0, 43.0])
    one = network_from_sionna(h, transmit_power_dbm=sent, noise_power_dbm=-95.0)
    other = network_from_sionna(h[:, :, order], transmit_power_dbm=sent[order], noise_power_dbm=-95.0)
    np.testing.assert_allclose(other.gain, one.gain, rtol=1e-9)


@pytest.mark.parametrize("antennas", ["mean", "maximum-ratio"])
def test_the_strongest_transmitter_is_that_of_path_gain_and_power(antennas: str) -> None:
    """Both receivers have the better path to transmitter 1; twice the power gives receiver 1 to transmitter 0."""
    path_gain = 1e-10 * np.array([[1.0, 10.0], [5.0, 6.0]])
    h = np.sqrt(path_gain)[:, None, :, None, None, None] + 0j
    more = {"antennas": antennas, "noise_power_w": 1e-12}
    found = network_from_sionna(h, transmit_power_w=[2.0, 1.0], **more)
    np.testing.assert_allclose(found.gain, [[1000.0, 200.0], [600.0, 1000.0]])
    np.testing.assert_array_equal(found.transmit_power_w, [1.0, 2.0])
    with pytest.raises(ValueError, match="receivers 0 and 1 both belong to transmitter 1 in network 1"):
        network_from_sionna(np.stack([h, h]), transmit_power_w=[[2.0, 1.0], [1.0, 1.0]], **more)


def test_who_is_left_out_is_not_in_the_network() -> None:
    h = tensor(5, 2, 4, 2, 3, 2)
    found = network_from_sionna(h, association=[0, -1, 2, 3, -1], **POWERS)
    kept = h[[0, 2, 3]][:, :, [0, 2, 3]]
    np.testing.assert_allclose(found.gain, network_from_sionna(kept, **POWERS).gain, rtol=1e-9)


def test_the_network_is_answered_with_powers_in_dbm() -> None:
    network = network_from_sionna(tensor(6, 1, 6, 1, 1, 1), **POWERS)
    answer = load().allocate(network, goal="proportional-fair")
    assert answer.power_dbm is not None
    assert answer.power_dbm.max() <= 44.0 + 1e-5
    np.testing.assert_allclose(
        answer.rate, spectral_efficiency(answer.power.astype(float), network.gain), rtol=1e-5
    )


def test_whatever_makes_an_array_is_taken() -> None:
    class Tensor:
        """Like a tensor of another library."""

        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return tensor(3, 1, 3, 1, 1, 1)

    found = network_from_sionna(Tensor(), **POWERS)
    np.testing.assert_array_equal(found.gain, network_from_sionna(tensor(3, 1, 3, 1, 1, 1), **POWERS).gain)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"h": np.abs(tensor(3, 1, 3, 1, 1, 1))}, "complex numbers"),
        ({"h": tensor(3, 1, 3, 1, 1, 1)[0]}, "time steps, subcarriers"),
        ({"h": np.where(True, np.nan, tensor(3, 1, 3, 1, 1, 1))}, "NaN or infinity"),
        ({"h": (tensor(3, 1, 3, 1, 1, 1), np.zeros(3))}, "cir_to_ofdm_channel"),
        ({"antennas": "zero-forcing"}, "antennas must be one of mean, maximum-ratio"),
        ({"time": "first"}, "time must be one of mean, each"),
        ({"subcarriers": "median"}, "subcarriers must be one of mean, each"),
        ({"noise_power_dbm": None}, "noise_power_w"),
        ({"transmit_power_w": 1.0}, "either transmit_power_w"),
        ({"transmit_power_dbm": [1.0, 2.0]}, r"one number or \[3\]"),
        ({"transmit_power_dbm": None, "transmit_power_w": 0.0}, "positive"),
        ({"transmit_power_dbm": 5000.0}, "positive and finite"),
    ],
)
def test_what_does_not_fit_is_one_line(changed: dict[str, object], said: str) -> None:
    arguments = {"h": tensor(3, 1, 3, 1, 1, 1), **POWERS} | changed
    with pytest.raises(ValueError, match=said) as caught:
        network_from_sionna(arguments.pop("h"), **arguments)
    assert "\n" not in str(caught.value)
