"""What networks of single worlds must look like: cells, shared ends, symmetry, and distributions in closed form."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from benchmarks.worlds.families.hexagonal import Cluster, served
from benchmarks.worlds.families.outdoor import beam_gains_db
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import full_power_db, networks
from components.channel.path_loss import itu1411
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.units import to_gain_db

ROUNDED_DB = 2e-3


def own(gain_db: np.ndarray) -> np.ndarray:
    return np.diagonal(gain_db, axis1=1, axis2=2)


def crossing(gain_db: np.ndarray) -> np.ndarray:
    return gain_db[:, ~np.eye(gain_db.shape[-1], dtype=bool)]


def test_full_power_is_counted_over_thermal_noise() -> None:
    # -174 dBm/Hz over 20 MHz are -100.99 dBm; a noise figure of 9 dB makes -91.99 dBm.
    assert full_power_db(44.0, 20e6, 9.0) == pytest.approx(135.99, abs=0.01)


@pytest.mark.parametrize(("rings", "cells"), [(1, 7), (2, 19)])
def test_a_cluster_that_wraps_around_has_no_edge(rings: int, cells: int) -> None:
    cluster = Cluster(rings, 200.0)
    assert len(cluster.sites()) == cells
    between = np.hypot(*np.moveaxis(cluster.offsets(cluster.sites()[None])[0], -1, 0))  # [S, S]
    assert between[~np.eye(cells, dtype=bool)].min() == pytest.approx(200.0)
    # Every cell has the same distances to the others as the middle one.
    assert np.allclose(np.sort(between, axis=1), np.sort(between[0]))
    assert ((between > 199.0) & (between < 201.0)).sum(1).tolist() == [6] * cells


def test_users_fill_their_hexagon_evenly_and_keep_their_distance() -> None:
    cluster = Cluster(1, 200.0)
    users = cluster.users(200, 40, 10.0, np.random.default_rng(1))
    distance = np.hypot(*np.moveaxis(cluster.offsets(users), -1, 0))  # [N, U, S]
    assert (distance.argmin(-1) == np.repeat(np.arange(7), 40)).all()
    nearest = distance.min(-1)
    assert nearest.min() >= 10.0 - 1e-9
    assert 114.0 < nearest.max() <= 200.0 / np.sqrt(3.0)
    # Discs inside the hexagon (area sqrt(3)/2 of the squared spacing) hold their share of the users.
    for radius_m in (50.0, 100.0):
        share = np.pi * radius_m**2 / (np.sqrt(0.75) * 200.0**2)
        assert (nearest <= radius_m).mean() == pytest.approx(share, abs=0.01)


def test_cells_serve_users_that_hear_them_best() -> None:
    def paths(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        path_db = generator.normal(0.0, 8.0, (count, 40, 5))
        return path_db, np.full(path_db.shape, 1e14)  # next to no fading

    gain_db = served(paths, 2, 30, np.random.default_rng(1))
    assert gain_db.shape == (30, 10, 10)
    assert np.array_equal(gain_db[:, :, 0::2], gain_db[:, :, 1::2])
    assert (gain_db[:, :, 0::2].argmax(-1) == np.repeat(np.arange(5), 2)).all()
    assert not (gain_db[:, 0::2] == gain_db[:, 1::2]).all((1, 2)).any()  # two users, not one twice


def test_a_cell_without_users_is_an_error() -> None:
    def paths(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        path_db = generator.normal(size=(count, 8, 3)) + np.array([0.0, 0.0, -100.0])
        return path_db, np.zeros(path_db.shape)

    with pytest.raises(RuntimeError, match="draw more users per cell"):
        served(paths, 1, 4, np.random.default_rng(1))


@pytest.mark.parametrize(("down", "up", "difference_db"), [("umi", "umi", 17.0), ("uma", "uma", 22.0)])
def test_the_uplink_is_the_downlink_turned_round(down: str, up: str, difference_db: float) -> None:
    """Powers differ by 44 - 23 or 49 - 23 dB, noise figures by 4 dB."""
    forward, backward = networks(WORLDS[f"{down}-downlink"], 20), networks(WORLDS[f"{up}-uplink"], 20)
    assert np.allclose(forward.swapaxes(1, 2) - difference_db, backward, atol=ROUNDED_DB)


def test_links_that_share_an_end_share_its_gains() -> None:
    for name, world in WORLDS.items():
        gain_db = networks(world, 20)
        for what, axis in (("receivers", 1), ("transmitters", 2)):
            pairs = np.moveaxis(gain_db, axis, 1)
            same = (pairs[:, :-1] == pairs[:, 1:]).all((0, 2))  # [K - 1]: neighbours alike in all networks
            if world.shared == what:
                assert same.tolist() == [(link + 1) % 4 != 0 for link in range(27)], name
            else:
                assert not same.any() or name.startswith(("duplicates", "equal")), name


def test_copies_of_a_pair_cannot_be_told_apart() -> None:
    for name, times in (("duplicates-2", 2), ("duplicates-3", 3)):
        gain_db = networks(WORLDS[name], 50)
        links = gain_db.shape[-1]
        group = np.arange(links) // times * times
        assert np.array_equal(gain_db, gain_db[:, group][:, :, group])
        assert len(np.unique(gain_db[0])) == (links // times) ** 2


def test_the_ring_is_circulant_and_symmetric_and_equal_gains_are_equal() -> None:
    ring = networks(WORLDS["ring"], 50)
    for shift in range(16):
        assert np.array_equal(np.roll(ring, (shift, shift), axis=(1, 2)), ring)
    assert np.array_equal(ring, ring.swapaxes(1, 2))
    equal = networks(WORLDS["equal"])
    assert (equal == equal[:, :1, :1]).all()
    assert np.quantile(equal[:, 0, 0], [0.25, 0.75]) == pytest.approx([10.0, 30.0], abs=4.0)


def test_rank_one_gains_have_no_second_singular_value() -> None:
    gain_db = networks(WORLDS["rank-one"], 50).astype(np.float64)
    minors = gain_db[:, 1:, 1:] + gain_db[:, :-1, :-1] - gain_db[:, 1:, :-1] - gain_db[:, :-1, 1:]
    assert np.abs(minors).max() < 2 * ROUNDED_DB
    assert np.ptp(gain_db, axis=2).min() > 1.0


def test_a_cell_in_wyners_row_is_heard_next_door_alone() -> None:
    gain_db = networks(WORLDS["wyner"])
    steps = np.abs(np.arange(30)[:, None] - np.arange(30))
    assert (gain_db[:, steps > 1] == -100.0).all()
    assert (gain_db[:, steps <= 1] > -90.0).all()
    mean_db = [10.0 * np.log10((10.0 ** (gain_db[:, steps == step] / 10.0)).mean()) for step in (0, 1)]
    assert mean_db[0] == pytest.approx(20.0, abs=0.2)
    assert 13.0 < mean_db[1] < 17.0  # 1 to 10 dB weaker


def test_independent_gains_have_their_distributions() -> None:
    for name in ("rayleigh-20", "rayleigh-50"):
        linear = 10.0 ** (networks(WORLDS[name]) / 10.0)
        assert linear.mean() == pytest.approx(100.0, rel=0.02)
        assert linear.var() == pytest.approx(100.0**2, rel=0.05)
    log_normal = networks(WORLDS["log-normal"])
    assert (log_normal.mean(), log_normal.std()) == pytest.approx((10.0, 15.0), abs=0.15)
    nakagami = 10.0 ** (crossing(networks(WORLDS["nakagami"])) / 10.0 - 0.5)
    assert (nakagami.mean(), nakagami.var()) == pytest.approx((1.0, 2.0), rel=0.05)
    pareto_db = networks(WORLDS["pareto"])
    for level_db in (10.0, 30.0):  # P(gain > g) = g^(-1/2)
        assert (crossing(pareto_db) > level_db).mean() == pytest.approx(10.0 ** (-level_db / 20.0), rel=0.05)
    assert (own(pareto_db) > 30.0).mean() == pytest.approx(0.1, rel=0.15)


def test_devices_follow_their_recommendation_and_a_gap_weakens_own_gains_alone() -> None:
    plain, gap = networks(WORLDS["devices"], 50), networks(WORLDS["devices-gap"], 50)
    assert np.allclose(plain - gap, 6.0 * np.eye(50), atol=ROUNDED_DB)
    # 40 dBm over -169 dBm/Hz in 5 MHz (-102.01 dBm), links of 30 to 70 m.
    ends_db = 142.01 - itu1411().loss_db(np.array([70.0, 30.0]))
    assert np.quantile(own(plain), [0.0, 1.0]) == pytest.approx(ends_db, abs=0.1)


@pytest.mark.parametrize("name", ["D16", "D18"])
def test_the_papers_worlds_are_those_of_its_simulator(name: str) -> None:
    ours, theirs = networks(WORLDS[name]), to_gain_db(simulate(SCENARIOS[name], 200, 5))
    for part in (own, lambda gain_db: crossing(gain_db)[:, ::7]):
        assert ks_2samp(part(ours).ravel(), part(theirs).ravel()).pvalue > 1e-3
        assert ks_2samp(part(ours).ravel() + 2.0, part(theirs).ravel()).pvalue < 1e-3


def test_beams_look_at_their_partner() -> None:
    transmitters = np.array([[[0.0, 0.0], [40.0, 10.0], [0.0, 120.0]]])
    receivers = np.array([[[10.0, 0.0], [40.0, 0.0], [0.0, 110.0]]])
    # Transmitter 0 looks along x and hits receiver 1, transmitter 2 looks down and hits receiver 0; both look away.
    expected = [[20.0, -20.0, 0.0], [0.0, 20.0, -20.0], [-20.0, -20.0, 20.0]]
    assert beam_gains_db(transmitters, receivers)[0].tolist() == expected
