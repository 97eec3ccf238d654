"""Carriers of LTE and NR: resource blocks, and powers and noise per resource element.

A reference signal is measured per resource element, one subcarrier for one symbol. A transmitter at full power that
spreads it evenly over its M = 12 N_RB subcarriers sends P - 10 lg M per element, and a receiver collects the noise
-174 dBm/Hz + 10 lg(spacing) + NF there. Their ratio is that of the whole power to the noise over M subcarriers.
"""

from typing import NamedTuple

from gfm_ra.units import linear_to_db, noise_power_dbm

THERMAL_NOISE_DBM_PER_HZ = -174.0
TERMINAL_NOISE_FIGURE_DB = 9.0
BASE_NOISE_FIGURE_DB = 5.0
MOST_NOISE_FIGURE_DB = 100.0
"""No receiver's noise figure is as large."""
_SUBCARRIERS = 12  # of a resource block

_LTE: dict[float, int] = {1.4: 6, 3: 15, 5: 25, 10: 50, 15: 75, 20: 100}
"""Resource blocks by channel bandwidth in MHz: 3GPP TS 36.101, table 5.6-1."""
_NR: dict[int, dict[float, int]] = {
    15: {5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 40: 216, 50: 270},
    30: {5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 40: 106, 50: 133, 60: 162, 70: 189, 80: 217, 90: 245, 100: 273},
    60: {10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 40: 51, 50: 65, 60: 79, 70: 93, 80: 107, 90: 121, 100: 135, 200: 264},
    120: {50: 32, 100: 66, 200: 132, 400: 264},
}  # fmt: skip
"""The same by subcarrier spacing in kHz: 3GPP TS 38.101-1 and -2, tables 5.3.2-1; 60 kHz as in FR1 up to 100 MHz."""


class Carrier(NamedTuple):
    """What a cell's reference signals and data are sent on."""

    technology: str  # "lte" or "nr"
    resource_blocks: int
    subcarrier_spacing_hz: float

    @property
    def subcarriers(self) -> int:
        """Resource elements of one symbol."""
        return _SUBCARRIERS * self.resource_blocks

    @property
    def occupied_hz(self) -> float:
        """Bandwidth of all subcarriers."""
        return self.subcarriers * self.subcarrier_spacing_hz

    def per_element_dbm(self, power_dbm: float) -> float:
        """Power per resource element of a power that is spread evenly over all subcarriers."""
        return power_dbm - linear_to_db(float(self.subcarriers))

    def noise_per_element_dbm(self, noise_figure_db: float) -> float:
        """Noise per resource element in a receiver of that noise figure."""
        return noise_power_dbm(THERMAL_NOISE_DBM_PER_HZ, self.subcarrier_spacing_hz) + noise_figure_db


def carrier(technology: str, bandwidth_mhz: float, subcarrier_spacing_khz: float | None = None) -> Carrier:
    """The carrier of a channel bandwidth.

    Args:
        technology: "lte" or "nr".
        bandwidth_mhz: channel bandwidth, as the standards' tables list it.
        subcarrier_spacing_khz: must be given for NR; 15 for LTE.

    Raises:
        ValueError: an unknown technology, spacing or bandwidth; the message lists those that there are.
    """
    if technology not in ("lte", "nr"):
        raise ValueError(f"technology is {technology!r}: write lte or nr")
    if technology == "lte":
        if subcarrier_spacing_khz not in (None, 15):
            raise ValueError(f"subcarrier_spacing_khz is {subcarrier_spacing_khz:g}: LTE has 15")
        table, spacing_khz = _LTE, 15
    elif subcarrier_spacing_khz in _NR:
        spacing_khz = int(subcarrier_spacing_khz)
        table = _NR[spacing_khz]
    else:
        raise ValueError(
            f"subcarrier_spacing_khz of NR must be one of {', '.join(map(str, _NR))}: write which"
        )
    if bandwidth_mhz not in table:
        known = ", ".join(map(str, table))
        raise ValueError(
            f"bandwidth_mhz is {bandwidth_mhz:g}: {technology} at {spacing_khz:g} kHz has {known}"
        )
    return Carrier(technology, table[bandwidth_mhz], 1e3 * spacing_khz)
