"""What a network looks like: the scenarios D1-D20 and any other that a user describes."""

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from gfm_ra.units import noise_power_dbm

PathLossName = Literal["dual-slope", "itu1411"]
FadingName = Literal["rayleigh", "none"]


@dataclass(frozen=True)
class Scenario:
    """One kind of network: `links` transmitter-receiver pairs that share one band in a square.

    Each receiver lies `min_distance_m` to `max_distance_m` from its own transmitter, which is the nearest
    one. `shadowing_db` is the standard deviation of log-normal shadowing; 0 switches it off.
    Raises ValueError in one line for values that describe no network.
    """

    name: str
    links: int
    min_distance_m: float
    max_distance_m: float
    area_m: float = 1000.0
    path_loss: PathLossName = "dual-slope"
    shadowing_db: float = 7.0
    fading: FadingName = "rayleigh"
    bandwidth_hz: float = 10e6
    max_power_dbm: float = 10.0
    noise_dbm_per_hz: float = -174.0

    def __post_init__(self) -> None:
        # NumPy's scalars are numbers too; kept as Python's, since neither JSON nor compiled code takes all of them.
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.generic):
                object.__setattr__(self, field.name, value.item())
        self._check_numbers()
        self._check_ranges()
        self._check_names()

    @property
    def noise_dbm(self) -> float:
        """Noise power at a receiver over the whole band, dBm."""
        return noise_power_dbm(self.noise_dbm_per_hz, self.bandwidth_hz)

    @property
    def transmit_snr_db(self) -> float:
        """Full transmit power over the receiver's noise, dB: the gain that a lossless channel would have."""
        return self.max_power_dbm - self.noise_dbm

    def _check_numbers(self) -> None:
        for field in (
            "min_distance_m", "max_distance_m", "area_m", "shadowing_db",
            "bandwidth_hz", "max_power_dbm", "noise_dbm_per_hz",
        ):  # fmt: skip
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                self._reject(f"{field} must be a finite number, got {value!r}")
        if isinstance(self.links, bool) or not isinstance(self.links, int):
            self._reject(f"links must be a whole number, got {self.links!r}")

    def _check_ranges(self) -> None:
        if self.links < 1:
            self._reject(f"links must be at least 1, got {self.links}")
        if not 0.0 <= self.min_distance_m < self.max_distance_m:
            low, high = self.min_distance_m, self.max_distance_m
            self._reject(f"need 0 <= min_distance_m < max_distance_m, got {low} and {high}")
        if self.area_m <= 0.0 or self.bandwidth_hz <= 0.0:
            self._reject(
                f"area_m and bandwidth_hz must be positive, got {self.area_m} and {self.bandwidth_hz}"
            )
        if self.min_distance_m > self.area_m * math.sqrt(2.0):
            self._reject(
                f"min_distance_m {self.min_distance_m} exceeds the diagonal of the {self.area_m} m square"
            )
        if self.shadowing_db < 0.0:
            self._reject(f"shadowing_db must be 0 (off) or positive, got {self.shadowing_db}")

    def _check_names(self) -> None:
        for field, known in (("path_loss", get_args(PathLossName)), ("fading", get_args(FadingName))):
            if getattr(self, field) not in known:
                self._reject(f"{field} must be one of {', '.join(known)}, got {getattr(self, field)!r}")

    def _reject(self, problem: str) -> None:
        raise ValueError(f"scenario {self.name!r}: {problem}")


_LINKS = (20, 35, 50, 65, 80)
_RANGES_M = ((2.0, 65.0), (10.0, 50.0), (30.0, 70.0), (1.0, 100.0))


def _numbered_scenarios() -> dict[str, Scenario]:
    """D1-D20, range-major: D1-D5 share the first range, D16-D20 the last."""
    pairs = [(links, low, high) for low, high in _RANGES_M for links in _LINKS]
    return {
        f"D{number}": Scenario(f"D{number}", links, low, high)
        for number, (links, low, high) in enumerate(pairs, start=1)
    }


SCENARIOS: dict[str, Scenario] = _numbered_scenarios()
"""The paper's scenarios by name."""
OUT_OF_DISTRIBUTION = tuple(f"D{number}" for number in range(16, 21))
"""D16-D20 (1-100 m), for tests: a backbone that has seen them says nothing about generalisation."""
PRETRAINING = tuple(name for name in SCENARIOS if name not in OUT_OF_DISTRIBUTION)
"""D1-D15."""
