"""Worlds of pairs: devices by ITU-R P.1411, vehicles in Manhattan, beams at 28 GHz, the paper's D16 to D20.

Shapes: N networks, K links. Lengths in metres.
"""

import numpy as np

from benchmarks.worlds.families.laws import (
    LEAST_FADING,
    corner_loss_db,
    fading_db,
    nakagami_db,
    street_loss_db,
)
from benchmarks.worlds.world import Draw, World, full_power_db
from components.channel.path_loss import dual_slope, itu1411
from components.channel.placement import place
from components.channel.scenario import OUT_OF_DISTRIBUTION, SCENARIOS
from gfm_ra.units import linear_to_db

_STREETS_M = (np.arange(4) * 250.0, np.arange(4) * 433.0)  # along x at these y, along y at these x
_LANES_M = np.array([-5.25, -1.75, 1.75, 5.25])
_BEAM_SHARE, _MAIN_DBI, _SIDE_DBI = 30.0 / 360.0, 10.0, -10.0
_FREE_M = 67.1  # mean length of a path in sight at 28 GHz


def _pairs(
    side_m: float, links: int, near_m: float, far_m: float, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Transmitters uniform in a square, receivers uniform in distance and angle, each [N, K, 2]."""
    transmitters = side_m * generator.random((count, links, 2))
    distance = generator.uniform(near_m, far_m, (count, links))
    angle = generator.uniform(0.0, 2.0 * np.pi, (count, links))
    offset = np.stack([distance * np.cos(angle), distance * np.sin(angle)], axis=-1)
    return transmitters, transmitters + offset


def _distance_m(transmitters: np.ndarray, receivers: np.ndarray) -> np.ndarray:
    offset = receivers[:, :, None] - transmitters[:, None]
    return np.hypot(offset[..., 0], offset[..., 1])


def _devices(gap_db: float) -> Draw:
    """50 pairs in a square of 500 m; a gap to capacity weakens what a link hears of its own transmitter."""

    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        distance = _distance_m(*_pairs(500.0, 50, 30.0, 70.0, count, generator))
        full_db = 40.0 + 169.0 - 10.0 * np.log10(5e6)
        return full_db - itu1411().loss_db(distance) - gap_db * np.eye(50)

    return draw


def _home(name: str) -> Draw:
    """A scenario of the paper, in float64: the simulator's float32 logarithms differ between processors."""
    scenario = SCENARIOS[name]

    def draw(count: int, generator: np.random.Generator) -> np.ndarray:
        distance = _distance_m(*place(scenario, count, generator))
        gain_db = scenario.transmit_snr_db - dual_slope().loss_db(distance)
        gain_db = gain_db + scenario.shadowing_db * generator.standard_normal(distance.shape)
        return gain_db + linear_to_db(np.maximum(generator.exponential(size=distance.shape), LEAST_FADING))

    return draw


def _manhattan(count: int, generator: np.random.Generator) -> np.ndarray:
    """20 pairs of vehicles in a lane, 10 to 100 m apart, on 4 x 4 streets with blocks of 433 m x 250 m."""
    shape = (count, 20)
    along_y = generator.random(shape) < 0.5
    street = generator.integers(4, size=shape)
    lane_m = _LANES_M[generator.integers(4, size=shape)]
    length_m = np.where(along_y, 750.0, 1299.0)
    ahead_m = generator.uniform(10.0, 100.0, shape)
    start_m = (length_m - ahead_m) * generator.random(shape)
    across_m = np.where(along_y, _STREETS_M[1][street], _STREETS_M[0][street]) + lane_m
    places = [
        np.where(along_y[..., None], np.stack([across_m, at_m], -1), np.stack([at_m, across_m], -1))
        for at_m in (start_m, start_m + ahead_m)
    ]
    same = (along_y[:, :, None] == along_y[:, None]) & (street[:, :, None] == street[:, None])
    in_sight, blocked = manhattan_losses_db(np.abs(places[1][:, :, None] - places[0][:, None]))
    gain_db = full_power_db(23.0 + 2 * 3.0, 10e6, 9.0) - np.where(same, in_sight, blocked)
    gain_db = gain_db + np.where(same, 3.0, 4.0) * generator.standard_normal(same.shape)
    return gain_db + fading_db(np.zeros(same.shape), generator)


def manhattan_losses_db(offset_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses at distances [..., 2] along both streets: in sight, and round a corner (at least 10 m from it)."""
    in_sight = street_loss_db(np.hypot(offset_m[..., 0], offset_m[..., 1]))
    legs = np.maximum(offset_m, 10.0)
    return in_sight, np.maximum(in_sight, corner_loss_db(legs[..., 0], legs[..., 1]))


def _beams(count: int, generator: np.random.Generator) -> np.ndarray:
    """30 pairs with sectored antennas that look at each other, in a square of 200 m with blockage."""
    transmitters, receivers = _pairs(200.0, 30, 10.0, 50.0, count, generator)
    distance = np.maximum(_distance_m(transmitters, receivers), 1.0)
    in_sight = generator.random(distance.shape) < np.exp(-distance / _FREE_M)
    loss_db = np.where(in_sight, 61.4 + 20.0 * np.log10(distance), 72.0 + 29.2 * np.log10(distance))
    loss_db = loss_db + np.where(in_sight, 5.8, 8.7) * generator.standard_normal(distance.shape)
    fading = nakagami_db(np.where(in_sight, 3.0, 2.0), distance.shape, generator)
    antennas_db = beam_gains_db(transmitters, receivers)
    return full_power_db(30.0, 500e6, 7.0) - loss_db + antennas_db + fading


def beam_gains_db(transmitters: np.ndarray, receivers: np.ndarray) -> np.ndarray:
    """Gains of both antennas, [N, K, K]: 10 dBi within 15 degrees of the partner's direction, -10 dBi elsewhere."""
    offset = receivers[:, :, None] - transmitters[:, None]
    azimuth = np.arctan2(offset[..., 1], offset[..., 0])  # [N, K, K], from transmitter j to receiver k
    own = np.diagonal(azimuth, axis1=1, axis2=2)
    # Seen from the receiver all directions are turned by 180 degrees, the own one too.
    at_both = [azimuth - own[:, None], azimuth - own[:, :, None]]
    half = np.pi * _BEAM_SHARE
    return sum(
        (
            np.where(np.abs((turn + np.pi) % (2.0 * np.pi) - np.pi) <= half, _MAIN_DBI, _SIDE_DBI)
            for turn in at_both
        ),
        start=np.zeros_like(azimuth),
    )


_P1411 = (
    "Recommendation ITU-R P.1411-10, 4.1.2 (in sight, median); set-up of "
    "Cui, Shen, Yu, Spatial deep learning, IEEE JSAC 37(6), 2019"
)
_DEVICES = "5 MHz at 2.4 GHz, noise -169 dBm/Hz, 40 dBm, antennas of 2.5 dBi"

WORLDS = (
    World("devices", "ITU-R P.1411", _P1411, 50, _DEVICES, _devices(0.0)),
    World("devices-gap", "ITU-R P.1411", f"{_P1411}; SNR gap 6 dB", 50, _DEVICES, _devices(6.0)),
    World(
        "manhattan",
        "vehicles",
        "3GPP TR 36.885 v14.0.0, annex A.1; WINNER+ D5.3, B1",
        20,
        "10 MHz at 5.9 GHz, noise figure 9 dB, 23 dBm, antennas of 3 dBi",
        _manhattan,
    ),
    World(
        "beams",
        "28 GHz with blockage",
        "Akdeniz et al., IEEE JSAC 32(6), 2014, table I; antennas of Bai and Heath, IEEE TWC 14(2), 2015",
        30,
        "500 MHz at 28 GHz, noise figure 7 dB, 30 dBm, 10 dBi in 30 degrees, -10 dBi elsewhere",
        _beams,
    ),
    *(
        World(
            name,
            "the paper's",
            "arXiv 2604.07390, 1-100 m",
            SCENARIOS[name].links,
            "10 MHz, -174 dBm/Hz, 10 dBm",
            _home(name),
        )
        for name in OUT_OF_DISTRIBUTION
    ),
)
