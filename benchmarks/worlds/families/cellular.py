"""Cellular worlds: 3GPP UMi and UMa with 7 and 19 sites that wrap around, and macro cells with homes in them.

Shapes: N networks, U users, S sites, C cells, K links. Users are outdoors unless said otherwise.
"""

import numpy as np

from benchmarks.worlds.families.hexagonal import Cluster, Paths, served
from benchmarks.worlds.families.laws import Law, fading_db, uma, umi
from benchmarks.worlds.world import Draw, World, full_power_db

_FREQUENCY_GHZ, _BANDWIDTH_HZ = 6.0, 20e6
_BASE_NOISE_DB, _USER_NOISE_DB, _USER_DBM = 5.0, 9.0, 23.0
_SECTOR_DBI, _SECTOR_BEAM_DEG, _SECTOR_FRONT_TO_BACK_DB = 8.0, 65.0, 30.0
_SOURCE = "3GPP TR 38.901 v17.0.0, tables 7.2-1, 7.4.1-1, 7.4.2-1, 7.5-6"
_UMI, _UMA = umi(_FREQUENCY_GHZ), uma(_FREQUENCY_GHZ)
_UMI_DBM, _UMA_DBM = 44.0, 49.0
_UMI_NEAREST_M, _UMA_NEAREST_M = 10.0, 35.0


def sector_gain_db(angle_deg: np.ndarray) -> np.ndarray:
    """Horizontal pattern of a sector's antenna, TR 38.901 table 7.3-1, without its 8 dBi."""
    return -np.minimum(12.0 * (angle_deg / _SECTOR_BEAM_DEG) ** 2, _SECTOR_FRONT_TO_BACK_DB)


def _omnidirectional(law: Law, cluster: Cluster, nearest_m: float, per_site: int) -> Paths:
    def paths(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        offsets = cluster.offsets(cluster.users(count, per_site, nearest_m, generator))
        return law.draw(np.hypot(offsets[..., 0], offsets[..., 1]), generator)

    return paths


def _sectored(law: Law, cluster: Cluster, nearest_m: float, per_site: int) -> Paths:
    """Three sectors per site, which share sight and shadowing."""

    def paths(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        offsets = cluster.offsets(cluster.users(count, per_site, nearest_m, generator))
        site_db, factor = law.draw(np.hypot(offsets[..., 0], offsets[..., 1]), generator)
        azimuth_deg = np.rad2deg(np.arctan2(offsets[..., 1], offsets[..., 0]))
        turned_deg = azimuth_deg[..., None] - np.array([30.0, 150.0, 270.0])  # [N, U, S, 3]
        pattern_db = sector_gain_db((turned_deg + 540.0) % 360.0 - 180.0)
        path_db = site_db[..., None] + _SECTOR_DBI + pattern_db
        return path_db.reshape(*path_db.shape[:2], -1), np.repeat(factor, 3, axis=-1)

    return paths


def _downlink(paths: Paths, power_dbm: float, per_cell: int = 1) -> Draw:
    full_db = full_power_db(power_dbm, _BANDWIDTH_HZ, _USER_NOISE_DB)
    return lambda count, generator: full_db + served(paths, per_cell, count, generator)


def _uplink(paths: Paths, per_cell: int = 1) -> Draw:
    full_db = full_power_db(_USER_DBM, _BANDWIDTH_HZ, _BASE_NOISE_DB)
    # The channel is that of the downlink: links are turned round.
    return lambda count, generator: full_db + served(paths, per_cell, count, generator).swapaxes(1, 2)


def flat_full_power_db(street: str, direction: str) -> float:
    """Full power over the noise in 20 MHz of the worlds "umi" and "uma", "downlink" and "uplink", dB."""
    if direction == "uplink":
        return full_power_db(_USER_DBM, _BANDWIDTH_HZ, _BASE_NOISE_DB)
    return full_power_db(_UMI_DBM if street == "umi" else _UMA_DBM, _BANDWIDTH_HZ, _USER_NOISE_DB)


def _units(power_dbm: float, noise_db: float) -> str:
    return f"20 MHz at 6 GHz, noise figure {noise_db:g} dB, {power_dbm:g} dBm"


def _two_tier(count: int, generator: np.random.Generator) -> np.ndarray:
    """7 macro cells with a user outdoors, and 3 homes in each with an access point and a user of its own."""
    cluster = Cluster(1, 500.0)
    macros, homes, half_m = cluster.sites(), 21, 6.0
    outdoors = cluster.users(count, 1, _UMA_NEAREST_M, generator)  # [N, 7, 2]
    points = cluster.users(count, homes // len(macros), _UMA_NEAREST_M, generator)  # [N, 21, 2]
    inside = half_m * (2.0 * generator.random((count, homes, 2)) - 1.0)
    users = np.concatenate([outdoors, points + inside], axis=1)  # [N, K, 2]
    from_macro = np.maximum(_length(cluster.offsets(users)), _UMA_NEAREST_M)
    from_home = np.maximum(_length(_wrapped(users, points, cluster)), 1.0)
    user_home = np.concatenate([np.full(len(macros), -1), np.arange(homes)])[:, None]
    macro_db, home_db = tier_losses_db(from_macro, from_home, user_home, np.arange(homes))
    macro_db = full_power_db(46.0 + 14.0, 10e6, _USER_NOISE_DB) - macro_db
    home_db = full_power_db(20.0 + 5.0, 10e6, _USER_NOISE_DB) - home_db
    gain_db = np.concatenate([macro_db, home_db], axis=-1)
    own_home = np.concatenate(
        [np.zeros((len(user_home), len(macros)), bool), user_home == np.arange(homes)], 1
    )
    gain_db = gain_db + np.where(own_home, 4.0, 8.0) * generator.standard_normal(gain_db.shape)
    return gain_db + fading_db(np.zeros(gain_db.shape), generator)


def tier_losses_db(
    macro_m: np.ndarray, home_m: np.ndarray, user_home: np.ndarray, homes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Losses from macro sites and from homes at 2 GHz, after TR 36.814 annex A.2.1.1.2, outer walls of 10 dB.

    user_home: [K, 1], number of the home that a user is in, -1 outdoors; home_m: [..., K, H], of which at most 6 m of
    a path lie in a home.
    """
    wall_db, within_m = 10.0, 6.0
    macro_db = 15.3 + 37.6 * np.log10(macro_m) + wall_db * (user_home >= 0)
    own_db = 38.46 + 20.0 * np.log10(home_m) + 0.7 * np.minimum(home_m, within_m)
    walls = 1.0 + (user_home >= 0)
    indoor_m = within_m * walls
    other_db = np.maximum(15.3 + 37.6 * np.log10(home_m), 38.46 + 20.0 * np.log10(home_m))
    return macro_db, np.where(user_home == homes, own_db, other_db + 0.7 * indoor_m + wall_db * walls)


def _wrapped(users: np.ndarray, points: np.ndarray, cluster: Cluster) -> np.ndarray:
    """From the nearest image of each of the points to each user, [N, K, H, 2]."""
    direct = users[:, :, None] - points[:, None]
    options = direct - cluster.images()[:, None, None, None]  # [7, N, K, H, 2]
    nearest = _length(options).argmin(0)[None, ..., None]
    return np.take_along_axis(options, nearest, 0)[0]


def _length(offsets: np.ndarray) -> np.ndarray:
    return np.hypot(offsets[..., 0], offsets[..., 1])


_UMI_19 = _omnidirectional(_UMI, Cluster(2, 200.0), _UMI_NEAREST_M, 10)
_UMA_19 = _omnidirectional(_UMA, Cluster(2, 500.0), _UMA_NEAREST_M, 10)
_UMA_57 = _sectored(_UMA, Cluster(2, 500.0), _UMA_NEAREST_M, 30)
UMI_7 = _omnidirectional(_UMI, Cluster(1, 200.0), _UMI_NEAREST_M, 16)
UMA_7 = _omnidirectional(_UMA, Cluster(1, 500.0), _UMA_NEAREST_M, 16)
_TO_BASE, _UMI_DOWN, _UMA_DOWN = (
    _units(_USER_DBM, _BASE_NOISE_DB),
    _units(_UMI_DBM, _USER_NOISE_DB),
    _units(_UMA_DBM, _USER_NOISE_DB),
)

WORLDS = (
    World("umi-downlink", "3GPP UMi", _SOURCE, 19, _UMI_DOWN, _downlink(_UMI_19, _UMI_DBM)),
    World("umi-uplink", "3GPP UMi", _SOURCE, 19, _TO_BASE, _uplink(_UMI_19)),
    World(
        "umi-downlink-7x4", "3GPP UMi", _SOURCE, 28, _UMI_DOWN, _downlink(UMI_7, _UMI_DBM, 4), "transmitters"
    ),
    World("uma-downlink", "3GPP UMa", _SOURCE, 19, _UMA_DOWN, _downlink(_UMA_19, _UMA_DBM)),
    World("uma-uplink", "3GPP UMa", _SOURCE, 19, _TO_BASE, _uplink(_UMA_19)),
    World("uma-uplink-7x4", "3GPP UMa", _SOURCE, 28, _TO_BASE, _uplink(UMA_7, 4), "receivers"),
    World(
        "uma-sectors-downlink", "3GPP UMa", f"{_SOURCE}, 7.3-1", 57, _UMA_DOWN, _downlink(_UMA_57, _UMA_DBM)
    ),
    World("uma-sectors-uplink", "3GPP UMa", f"{_SOURCE}, 7.3-1", 57, _TO_BASE, _uplink(_UMA_57)),
    World(
        "two-tier",
        "macro and femto cells",
        "3GPP TR 36.814 v9.2.0, annex A.2.1.1.2 (homes), simplified",
        28,
        "10 MHz at 2 GHz, noise figure 9 dB, macro 46 dBm + 14 dBi, femto 20 dBm + 5 dBi",
        _two_tier,
    ),
)
