"""Indoor worlds: offices and a factory of 3GPP, floors and flats of IEEE 802.11ax.

Shapes: N networks, U users, C access points, K links. Lengths in metres.
"""

import numpy as np

from benchmarks.worlds.families.hexagonal import Paths, served
from benchmarks.worlds.families.laws import Law, factory, fading_db, office, wifi_loss_db
from benchmarks.worlds.world import Draw, World, full_power_db

_BASE_NOISE_DB, _USER_NOISE_DB, _USER_DBM = 5.0, 9.0, 23.0
_SOURCE = "3GPP TR 38.901 v17.0.0, tables 7.4.1-1, 7.4.2-1, 7.5-6"


def _hall(law: Law, columns: int, rows: int, spacing_m: float, per_point: int, margin_m: float) -> Paths:
    """Access points on a lattice whose outer ones are `margin_m` from the long walls and half a spacing from the short
    ones; users uniform in the hall."""
    x, y = np.meshgrid(spacing_m * (np.arange(columns) + 0.5), margin_m + spacing_m * np.arange(rows))
    points = np.stack([x.ravel(), y.ravel()], axis=-1)  # [C, 2]
    size = np.array([columns * spacing_m, 2.0 * margin_m + (rows - 1) * spacing_m])

    def paths(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        users = size * generator.random((count, len(points) * per_point, 2))
        offsets = users[:, :, None] - points
        return law.draw(np.hypot(offsets[..., 0], offsets[..., 1]), generator)

    return paths


def _open_office(count: int, generator: np.random.Generator) -> np.ndarray:
    paths = _hall(office(4.0, mixed=False), 6, 2, 20.0, 10, 15.0)
    return full_power_db(24.0, 20e6, _USER_NOISE_DB) + served(paths, 1, count, generator)


def _mixed_office(count: int, generator: np.random.Generator) -> np.ndarray:
    paths = _hall(office(4.0, mixed=True), 6, 2, 20.0, 10, 15.0)
    return full_power_db(_USER_DBM, 20e6, _BASE_NOISE_DB) + served(paths, 1, count, generator).swapaxes(1, 2)


def _factory(count: int, generator: np.random.Generator) -> np.ndarray:
    paths = _hall(factory(3.5), 6, 3, 50.0, 10, 25.0)
    return full_power_db(_USER_DBM, 100e6, _BASE_NOISE_DB) + served(paths, 1, count, generator).swapaxes(1, 2)


def enterprise_walls(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Walls between places of a floor whose offices are 20 m squares."""
    crossed = np.abs(np.floor(points / 20.0) - np.floor(others / 20.0))
    return crossed[..., 0] + crossed[..., 1]


def _enterprise(count: int, generator: np.random.Generator) -> np.ndarray:
    """4 x 2 offices with 4 access points each; every access point serves a station in its quarter of the office."""
    x, y = np.meshgrid(5.0 + 10.0 * np.arange(8), 5.0 + 10.0 * np.arange(4))
    points = np.stack([x.ravel(), y.ravel()], axis=-1)  # [K, 2]
    stations = points + 10.0 * generator.random((count, len(points), 2)) - 5.0
    offsets = stations[:, :, None] - points
    distance_m = np.sqrt(offsets[..., 0] ** 2 + offsets[..., 1] ** 2 + 2.0**2)  # ceiling over desk
    walls = enterprise_walls(stations[:, :, None], points)
    loss_db = wifi_loss_db(distance_m, walls, np.zeros_like(walls), 10.0, 7.0)
    return _wifi(loss_db, 5.0, generator)


def _residential(count: int, generator: np.random.Generator) -> np.ndarray:
    """3 floors of 5 x 2 flats of 10 m x 10 m x 3 m; in each an access point and a station anywhere, 1.5 m high."""
    flats = np.stack(np.meshgrid(np.arange(5), np.arange(2), np.arange(3), indexing="ij"), -1).reshape(-1, 3)
    corner, height_m = 10.0 * flats[:, :2], 3.0 * flats[:, 2]
    points, stations = (corner + 10.0 * generator.random((count, len(flats), 2)) for _ in range(2))
    flat = stations[:, :, None] - points[:, None]
    rise_m = height_m[:, None] - height_m
    distance_m = np.sqrt(flat[..., 0] ** 2 + flat[..., 1] ** 2 + rise_m**2)
    steps = np.abs(flats[:, None] - flats)  # [K, K, 3]
    walls, floors = (steps[..., 0] + steps[..., 1]).astype(float), steps[..., 2].astype(float)
    return _wifi(wifi_loss_db(distance_m, walls, floors, 5.0, 5.0), 4.0, generator)


def _wifi(loss_db: np.ndarray, shadowing_db: float, generator: np.random.Generator) -> np.ndarray:
    gain_db = full_power_db(20.0, 80e6, 7.0) - loss_db
    gain_db = gain_db + shadowing_db * generator.standard_normal(loss_db.shape)
    return gain_db + fading_db(np.zeros(loss_db.shape), generator)


def _wifi_world(name: str, scenario: int, links: int, draw: Draw) -> World:
    source = f"IEEE 802.11-14/0980r16, TGax simulation scenario {scenario}"
    units = "80 MHz at 5.25 GHz, noise figure 7 dB, 20 dBm"
    return World(name, "IEEE 802.11ax", source, links, units, draw)


WORLDS = (
    World(
        "office-open-downlink",
        "3GPP InH",
        _SOURCE,
        12,
        "20 MHz at 4 GHz, noise figure 9 dB, 24 dBm",
        _open_office,
    ),
    World(
        "office-mixed-uplink",
        "3GPP InH",
        _SOURCE,
        12,
        "20 MHz at 4 GHz, noise figure 5 dB, 23 dBm",
        _mixed_office,
    ),
    World(
        "factory-uplink",
        "3GPP InF",
        f"{_SOURCE}, 7.8-7 (InF-DL)",
        18,
        "100 MHz at 3.5 GHz, noise figure 5 dB, 23 dBm",
        _factory,
    ),
    _wifi_world("wifi-enterprise", 2, 32, _enterprise),
    _wifi_world("wifi-residential", 1, 30, _residential),
)
