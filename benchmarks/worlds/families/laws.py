"""Laws of propagation of standards: path loss, line of sight, shadowing and fading, in NumPy.

Distances in metres, any shape; `flat_m` is the horizontal distance. Frequencies in GHz. Losses in dB.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gfm_ra.units import LIGHT_SPEED_M_PER_S, linear_to_db

LEAST_FADING = 1e-9
"""Least power of a fading channel: a draw of 0 has no decibels."""
_ENVIRONMENT_M = 1.0  # effective height of the environment, TR 38.901 table 7.4.1-1, note 1


@dataclass(frozen=True)
class Law:
    """A propagation law with two states, in sight and out of sight."""

    sight_probability: Callable[[np.ndarray], np.ndarray]  # of flat_m
    loss_db: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]  # of flat_m: in sight, out of sight
    shadowing_db: tuple[float, float]  # standard deviations: in sight, out of sight
    rice_db: tuple[float, float]  # K factor in sight: mean and standard deviation; Rayleigh out of sight

    def draw(self, flat_m: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Path gain without fading in dB, and the linear K factor of the fading (0 = Rayleigh), of each path."""
        in_sight = generator.random(flat_m.shape) < self.sight_probability(flat_m)
        loss_db = np.where(in_sight, *self.loss_db(flat_m))
        deviation_db = np.where(in_sight, *self.shadowing_db)
        gain_db = deviation_db * generator.standard_normal(flat_m.shape) - loss_db
        mean_db, spread_db = self.rice_db
        factor = 10.0 ** ((mean_db + spread_db * generator.standard_normal(flat_m.shape)) / 10.0)
        return gain_db, np.where(in_sight, factor, 0.0)


def umi(frequency_ghz: float, base_m: float = 10.0, user_m: float = 1.5) -> Law:
    """Street canyon, UMi of TR 38.901 tables 7.4.1-1, 7.4.2-1 and 7.5-6."""
    rise_m, carrier_db = base_m - user_m, 20.0 * np.log10(frequency_ghz)

    def loss_db(flat_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_m, knee_m = np.log10(np.hypot(flat_m, rise_m)), _breakpoint_m(frequency_ghz, base_m, user_m)
        near_db = 32.4 + 21.0 * log_m + carrier_db
        far_db = 32.4 + 40.0 * log_m + carrier_db - 9.5 * np.log10(knee_m**2 + rise_m**2)
        in_sight = np.where(flat_m <= knee_m, near_db, far_db)
        blocked = 35.3 * log_m + 22.4 + 21.3 * np.log10(frequency_ghz) - 0.3 * (user_m - 1.5)
        return in_sight, np.maximum(in_sight, blocked)

    return Law(lambda flat_m: _street_sight(flat_m, 36.0), loss_db, (4.0, 7.82), (9.0, 5.0))


def uma(frequency_ghz: float, base_m: float = 25.0, user_m: float = 1.5) -> Law:
    """Urban macro, UMa of TR 38.901 tables 7.4.1-1, 7.4.2-1 and 7.5-6, for users up to 13 m high."""
    rise_m, carrier_db = base_m - user_m, 20.0 * np.log10(frequency_ghz)

    def loss_db(flat_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_m, knee_m = np.log10(np.hypot(flat_m, rise_m)), _breakpoint_m(frequency_ghz, base_m, user_m)
        near_db = 28.0 + 22.0 * log_m + carrier_db
        far_db = 28.0 + 40.0 * log_m + carrier_db - 9.0 * np.log10(knee_m**2 + rise_m**2)
        in_sight = np.where(flat_m <= knee_m, near_db, far_db)
        blocked = 13.54 + 39.08 * log_m + carrier_db - 0.6 * (user_m - 1.5)
        return in_sight, np.maximum(in_sight, blocked)

    return Law(lambda flat_m: _street_sight(flat_m, 63.0), loss_db, (4.0, 6.0), (9.0, 3.5))


def office(frequency_ghz: float, mixed: bool, rise_m: float = 2.0) -> Law:
    """Indoor office, InH of TR 38.901 tables 7.4.1-1, 7.4.2-1 and 7.5-6: open or mixed."""

    def loss_db(flat_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_m = np.log10(np.maximum(np.hypot(flat_m, rise_m), 1.0))
        in_sight = 32.4 + 17.3 * log_m + 20.0 * np.log10(frequency_ghz)
        blocked = 38.3 * log_m + 17.3 + 24.9 * np.log10(frequency_ghz)
        return in_sight, np.maximum(in_sight, blocked)

    return Law(mixed_office_sight if mixed else open_office_sight, loss_db, (3.0, 8.03), (7.0, 4.0))


def factory(frequency_ghz: float, clutter_m: float = 2.0, clutter_density: float = 0.6) -> Law:
    """Hall with dense clutter and low base stations, InF-DL of TR 38.901 (both antennas equally high)."""
    free_m = -clutter_m / np.log(1.0 - clutter_density)

    def loss_db(flat_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_m, carrier = np.log10(np.maximum(flat_m, 1.0)), np.log10(frequency_ghz)
        in_sight = 31.84 + 21.5 * log_m + 19.0 * carrier
        sparse = np.maximum(in_sight, 33.0 + 25.5 * log_m + 20.0 * carrier)
        return in_sight, np.maximum(sparse, 18.6 + 35.7 * log_m + 20.0 * carrier)

    return Law(lambda flat_m: np.exp(-flat_m / free_m), loss_db, (4.0, 7.2), (7.0, 8.0))


def open_office_sight(flat_m: np.ndarray) -> np.ndarray:
    """Probability of sight in an open office, TR 38.901 table 7.4.2-1."""
    middle, far = np.exp(-(flat_m - 5.0) / 70.8), 0.54 * np.exp(-(flat_m - 49.0) / 211.7)
    return np.where(flat_m <= 5.0, 1.0, np.where(flat_m <= 49.0, middle, far))


def mixed_office_sight(flat_m: np.ndarray) -> np.ndarray:
    """Probability of sight in a mixed office, TR 38.901 table 7.4.2-1."""
    middle, far = np.exp(-(flat_m - 1.2) / 4.7), 0.32 * np.exp(-(flat_m - 6.5) / 32.6)
    return np.where(flat_m <= 1.2, 1.0, np.where(flat_m < 6.5, middle, far))


def wifi_loss_db(
    distance_m: np.ndarray, walls: np.ndarray, floors: np.ndarray, knee_m: float, wall_db: float
) -> np.ndarray:
    """Loss at 5.25 GHz in the scenarios of IEEE 802.11ax (11-14/0980), which differ in knee and walls."""
    distance = np.maximum(distance_m, 1.0)
    beyond_db = 35.0 * np.log10(np.maximum(distance / knee_m, 1.0))
    floors_db = 18.3 * floors ** ((floors + 2.0) / (floors + 1.0) - 0.46)
    near_db = 40.05 + 20.0 * np.log10(5.25 / 2.4) + 20.0 * np.log10(np.minimum(distance, knee_m))
    return near_db + beyond_db + floors_db + wall_db * walls


def street_loss_db(distance_m: np.ndarray) -> np.ndarray:
    """WINNER+ B1 in sight at 5.9 GHz, antennas 1.5 m high, at least 3 m apart: TR 36.885 table A.1.4-1."""
    distance, carrier, height_m = np.maximum(distance_m, 3.0), np.log10(5.9 / 5.0), 1.5 - _ENVIRONMENT_M
    near_db = 22.7 * np.log10(distance) + 41.0 + 20.0 * carrier
    far_db = 40.0 * np.log10(distance) + 9.45 - 2.0 * 17.3 * np.log10(height_m) + 2.7 * carrier
    return np.where(distance < _breakpoint_m(5.9, 1.5, 1.5), near_db, far_db)


def corner_loss_db(first_m: np.ndarray, second_m: np.ndarray) -> np.ndarray:
    """WINNER+ B1 round a corner at 5.9 GHz: `first_m` along one street and `second_m` along the other."""
    return np.minimum(_turning_db(first_m, second_m), _turning_db(second_m, first_m))


def fading_db(factor: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Rice fading of mean power 1 with linear K factors of any shape; 0 is Rayleigh fading."""
    scattered = np.sqrt(0.5 / (1.0 + factor))
    real = np.sqrt(factor / (1.0 + factor)) + scattered * generator.standard_normal(factor.shape)
    power = real**2 + (scattered * generator.standard_normal(factor.shape)) ** 2
    return linear_to_db(np.maximum(power, LEAST_FADING))


def nakagami_db(
    shape_m: np.ndarray | float, size: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    """Nakagami-m fading of mean power 1: a gamma distributed power of shape m."""
    power = generator.standard_gamma(shape_m, size) / shape_m
    return linear_to_db(np.maximum(power, LEAST_FADING))


def _turning_db(along_m: np.ndarray, across_m: np.ndarray) -> np.ndarray:
    exponent = np.maximum(2.8 - 0.0024 * along_m, 1.84)
    turned_db = 20.0 - 12.5 * exponent + 10.0 * exponent * np.log10(across_m)
    return street_loss_db(along_m) + turned_db + 3.0 * np.log10(5.9 / 5.0)


def _breakpoint_m(frequency_ghz: float, base_m: float, user_m: float) -> float:
    heights = (base_m - _ENVIRONMENT_M) * (user_m - _ENVIRONMENT_M)
    return 4.0 * heights * frequency_ghz * 1e9 / LIGHT_SPEED_M_PER_S


def _street_sight(flat_m: np.ndarray, scale_m: float) -> np.ndarray:
    near = 18.0 / np.maximum(flat_m, 18.0)
    return near + np.exp(-flat_m / scale_m) * (1.0 - near)
