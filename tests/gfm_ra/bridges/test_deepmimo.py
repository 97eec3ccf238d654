"""Data sets of DeepMIMO, built as its versions 3 and 4 document them, become the gains that their rays carry."""

from typing import Any

import numpy as np
import pytest

from gfm_ra.bridges import network_from_deepmimo

POWERS = {"transmit_power_dbm": 30.0, "noise_power_dbm": -90.0}
SUBCARRIERS, ANTENNAS, PATHS = 64, 4, 3


class Rays:
    """Path gains, phases and delays between 3 base stations and 5 users; user u hears base station u best, u < 3."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.gain = rng.exponential(1e-11, (3, 5, PATHS))
        for place in range(3):
            self.gain[place, place] *= 1e4
        self.phase = rng.uniform(0.0, 2 * np.pi, self.gain.shape)
        self.delay = rng.integers(0, 20, self.gain.shape)  # in samples
        self.steering = np.exp(1j * rng.uniform(0.0, 2 * np.pi, (3, 5, 1, ANTENNAS, PATHS)))

    def per_path(self) -> np.ndarray:
        """[base stations, users, user antennas, base station antennas, paths]."""
        amplitude = np.sqrt(self.gain) * np.exp(1j * self.phase)
        return (self.steering * amplitude[:, :, None, None]).astype(np.complex64)

    def over_frequency(self, chosen: np.ndarray) -> np.ndarray:
        """[..., subcarriers], divided by the root of their number, as both versions have it."""
        turns = np.exp(-2j * np.pi * self.delay[..., None] * chosen / SUBCARRIERS)  # [.., paths, subcarriers]
        response = np.einsum("...abp,...ps->...abs", self.per_path(), turns) / np.sqrt(SUBCARRIERS)
        return response.astype(np.complex64)


def version_3(channels: np.ndarray) -> list[dict[str, Any]]:
    return [
        {"user": {"channel": each, "location": np.arange(15.0).reshape(5, 3)}, "location": np.zeros(3)}
        for each in channels
    ]


class MacroDataset:
    """As version 4's: data sets behind each other, and what they were computed with."""

    def __init__(self, channels: np.ndarray, frequency: bool) -> None:
        params = {"freq_domain": frequency, "ofdm": {"subcarriers": SUBCARRIERS}}
        self.datasets = [
            {"channel": each, "rx_pos": np.arange(15.0).reshape(5, 3), "ch_params": params}
            for each in channels
        ]

    def __getitem__(self, name: str) -> list[Any]:
        return [each[name] for each in self.datasets]


ALL = np.arange(SUBCARRIERS)


def test_the_mean_over_all_subcarriers_is_the_power_of_all_paths_of_different_delays() -> None:
    rays = Rays()
    rays.delay = np.broadcast_to(np.arange(PATHS), rays.gain.shape)  # no two paths arrive together
    expected = 10 * np.log10(rays.gain.sum(-1)[:, :3].T) + 30.0 + 90.0  # [user, base station]
    frequency = network_from_deepmimo(
        version_3(rays.over_frequency(ALL)),
        [0, 1, 2],
        domain="frequency",
        total_subcarriers=SUBCARRIERS,
        **POWERS,
    )
    time = network_from_deepmimo(version_3(rays.per_path()), [0, 1, 2], domain="time", **POWERS)
    np.testing.assert_allclose(frequency.gain_db, expected, atol=1e-3)
    np.testing.assert_allclose(time.gain_db, expected, atol=1e-3)


def test_some_subcarriers_are_scaled_by_the_number_of_all() -> None:
    h = Rays().over_frequency(np.array([5]))
    found = network_from_deepmimo(
        version_3(h), [0, 1, 2], domain="frequency", total_subcarriers=SUBCARRIERS, **POWERS
    )
    by_hand = np.abs(h[1, 0, 0, :, 0]) ** 2  # base station 1 to user 0, per antenna
    np.testing.assert_allclose(found.gain[0, 1], SUBCARRIERS * by_hand.mean() * 1.0 / 1e-12, rtol=1e-5)


def test_both_versions_are_the_same_networks() -> None:
    h = Rays().over_frequency(ALL)
    told = {"domain": "frequency", "total_subcarriers": SUBCARRIERS}
    for more in ({}, {"antennas": "maximum-ratio"}, {"subcarriers": "each"}):
        old = network_from_deepmimo(version_3(h), [0, 1, 2], **told, **more, **POWERS)
        new = network_from_deepmimo(MacroDataset(h, frequency=True), [0, 1, 2], **more, **POWERS)
        np.testing.assert_array_equal(old.gain, new.gain)
    assert new.gain.shape == (SUBCARRIERS, 3, 3)


def test_whole_numbers_of_numpy_count_subcarriers() -> None:
    h = Rays().over_frequency(ALL)
    for count in (np.int64(SUBCARRIERS), np.asarray(SUBCARRIERS)):
        old = network_from_deepmimo(
            version_3(h), [0, 1, 2], domain="frequency", total_subcarriers=count, **POWERS
        )
        new = network_from_deepmimo(
            MacroDataset(h, frequency=True), [0, 1, 2], total_subcarriers=count, **POWERS
        )
        np.testing.assert_array_equal(old.gain, new.gain)


def test_times_are_averaged() -> None:
    h = Rays().per_path()
    twice = np.stack([h, 3.0 * h], -1)  # powers 1 and 9: mean 5
    one = network_from_deepmimo(MacroDataset(h, frequency=False), [0, 1, 2], **POWERS)
    both = network_from_deepmimo(MacroDataset(twice, frequency=False), [0, 1, 2], **POWERS)
    np.testing.assert_allclose(both.gain, 5.0 * one.gain, rtol=1e-5)


def test_users_and_base_stations_are_chosen_and_ordered() -> None:
    dataset = MacroDataset(Rays().per_path(), frequency=False)
    all_three = network_from_deepmimo(dataset, [0, 1, 2], **POWERS)
    some = network_from_deepmimo(dataset, [2, 0], base_stations=[0, 2], **POWERS)
    np.testing.assert_allclose(some.gain, all_three.gain[np.ix_([2, 0], [2, 0])], rtol=1e-6)
    waiting = network_from_deepmimo(dataset, [0, 3, 1], association=[0, -1, 1], **POWERS)
    np.testing.assert_allclose(waiting.gain, all_three.gain[:2, :2], rtol=1e-6)


def refused(dataset: object, users: object, said: str, **more: Any) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        network_from_deepmimo(dataset, users, **(POWERS | more))
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_is_one_line() -> None:
    rays = Rays()
    old, new = version_3(rays.per_path()), MacroDataset(rays.over_frequency(ALL), frequency=True)
    refused(old, [0, 1, 2], "domain is missing")
    refused(old, [0, 1, 2], "total_subcarriers is missing", domain="frequency")
    refused(old, [0, 1, 2], "domain must be one of", domain="delay")
    refused(old, [0, 1, 2], "must be mean", domain="time", antennas="maximum-ratio")
    refused(old, [0, 1, 2], "leave it out", domain="time", total_subcarriers=64)
    refused(old, [0, 1, 2], "from 3 on", domain="frequency", total_subcarriers=2)
    for none in (True, 64.0, "64", np.full((9, 9), 64)):
        refused(old, [0, 1, 2], "whole number from 3 on", domain="frequency", total_subcarriers=none)
        refused(new, [0, 1, 2], "whole number from 64 on", total_subcarriers=none)
    refused(new, [0, 1, 2], "domain must be one of", domain=["frequency"])
    refused(new, [0, 1, 2], "antennas must be one of", antennas=np.array(["mean", "mean"]))
    refused(new, [0, 1, 2], "computed with", domain="time")
    refused(new, [0, 1, 2], "computed with", total_subcarriers=512)
    refused(new, [0, 1, 9], "users are 0 to 4")
    refused(new, 3, "list of indices")
    refused(new, [0, 1, 2], "base_stations are 0 to 2", base_stations=[3])
    refused(new, [3, 4], "3 transmitters and 2 receivers")
    refused([{"user": {}}], [0], "has no channel", domain="time")
    new.datasets[1]["channel"] = new.datasets[1]["channel"][:, :, :2]
    refused(new, [0, 1, 2], "shapes")


def test_users_of_another_grid_are_noticed() -> None:
    dataset = MacroDataset(Rays().per_path(), frequency=False)
    dataset.datasets[2]["rx_pos"] = dataset.datasets[2]["rx_pos"] + 10.0
    refused(dataset, [0, 1, 2], "other places")
    assert network_from_deepmimo(dataset, [0, 1], base_stations=[0, 1], **POWERS).links == 2
