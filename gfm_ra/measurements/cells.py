"""Cells and access points: their powers, what their reports are measured on, where they stand."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gfm_ra.errors import InputError
from gfm_ra.measurements.carriers import BASE_NOISE_FIGURE_DB, MOST_NOISE_FIGURE_DB, Carrier, carrier
from gfm_ra.measurements.tables import Row, read_table

NEEDED = ("cell", "transmit_power_dbm", "technology", "bandwidth_mhz")
OPTIONAL = (
    "epre_dbm",
    "subcarrier_spacing_khz",
    "resource_blocks",
    "power_dbm",
    "noise_figure_db",
    "x_m",
    "y_m",
)


@dataclass(frozen=True)
class Cell:
    """A base station's cell or an access point."""

    name: str
    transmit_power_dbm: float
    """Full power over the whole carrier."""
    reference_dbm: float
    """Power of what was measured: per resource element of the reference signal, or of an access point's beacon."""
    full_reference_dbm: float
    """What `reference_dbm` would be at full power with that spread evenly over the carrier."""
    power_dbm: float | None = None
    """Power over the whole carrier today; minus infinity never: silent cells are left out."""
    noise_figure_db: float = BASE_NOISE_FIGURE_DB
    """Of its receiver, for the uplink."""
    channel: str = ""
    """Cells disturb each other on the same one only."""
    x_m: float | None = None
    y_m: float | None = None


@dataclass(frozen=True)
class Cells:
    """Cells of one carrier by name, and what a level is measured over."""

    by_name: dict[str, Cell]
    measured_hz: float
    """Bandwidth that a level and its noise belong to: of a resource element, or of an access point's channel."""
    carrier: Carrier | None = None
    """None for access points."""
    notes: tuple[str, ...] = ()

    def per_element_dbm(self, power_dbm: float) -> float:
        """Power within the measured bandwidth of a power that is spread evenly over the carrier."""
        return power_dbm if self.carrier is None else self.carrier.per_element_dbm(power_dbm)


def read_cells(path: Path) -> Cells:
    """Cells of a CSV file, a line per cell, with the columns `NEEDED` and, if known, `OPTIONAL`.

    Raises:
        InputError: the file or a number in it cannot be used, a cell is there twice, or cells differ in their carrier.
    """
    rows = read_table(path, NEEDED, OPTIONAL)
    first = _carrier(rows[0])
    found: dict[str, Cell] = {}
    assumed = []
    for row in rows:
        if _carrier(row) != first:
            raise InputError(
                f"{row.place}: another carrier than in line {rows[0].line}: write a file per carrier, cells disturb "
                "each other on the same one"
            )
        one = _cell(row, first)
        if one.name in found:
            raise InputError(f"{row.place}: cell {one.name} is there twice: leave one line out")
        found[one.name] = one
        assumed += [] if "epre_dbm" in row.values else [one.name]
    notes = (
        (f"no epre_dbm of {names(assumed)}: full power spread evenly over all subcarriers",)
        if assumed
        else ()
    )
    return Cells(found, first.subcarrier_spacing_hz, first, notes)


def _carrier(row: Row) -> Carrier:
    technology, spacing_khz = row.text("technology").lower(), row.number_or_none("subcarrier_spacing_khz")
    blocks = row.number_or_none("resource_blocks")
    try:
        found = carrier(technology, row.finite("bandwidth_mhz"), spacing_khz)
    except ValueError as error:
        raise InputError(f"{row.place}: {error}") from None
    if blocks is None:
        return found
    if blocks != int(blocks) or not 1 <= blocks <= found.resource_blocks:
        raise InputError(
            f"{row.place}: resource_blocks is {blocks:g}: this bandwidth has 1 to {found.resource_blocks}"
        )
    return found._replace(resource_blocks=int(blocks))


def _cell(row: Row, on: Carrier) -> Cell:
    full_dbm, epre_dbm = row.power_dbm("transmit_power_dbm"), row.power_dbm_or_none("epre_dbm")
    power_dbm, figure_db = row.power_dbm_or_none("power_dbm"), row.number_or_none("noise_figure_db")
    if power_dbm is not None and power_dbm > full_dbm + 1e-6:
        raise InputError(
            f"{row.place}: power_dbm is {power_dbm:g}, more than transmit_power_dbm, the full power, {full_dbm:g}"
        )
    if figure_db is not None and abs(figure_db) > MOST_NOISE_FIGURE_DB:
        raise InputError(
            f"{row.place}: noise_figure_db is {figure_db:g}: write at most {MOST_NOISE_FIGURE_DB:g} dB"
        )
    full_epre_dbm = on.per_element_dbm(full_dbm)
    if epre_dbm is not None and epre_dbm > full_dbm:
        raise InputError(
            f"{row.place}: epre_dbm is {epre_dbm:g}, but the whole cell sends {full_dbm:g} dBm: write the power per "
            f"resource element, {full_epre_dbm:.1f} if all are alike"
        )
    return Cell(
        row.text("cell"),
        full_dbm,
        full_epre_dbm if epre_dbm is None else epre_dbm,
        full_epre_dbm,
        power_dbm,
        BASE_NOISE_FIGURE_DB if figure_db is None else figure_db,
        x_m=row.number_or_none("x_m"),
        y_m=row.number_or_none("y_m"),
    )


def names(of: Iterable[str], most: int = 5) -> str:
    """Some names for a message."""
    listed = list(dict.fromkeys(of))
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
