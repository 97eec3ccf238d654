"""Cells and reports for tests: an NR carrier of 20 MHz, everything sent with 15 dBm per element, full power."""

from gfm_ra.measurements.carriers import carrier
from gfm_ra.measurements.cells import Cell, Cells
from gfm_ra.measurements.reports import Level, Report

EPRE_DBM = 15.0
CARRIER = carrier("nr", 20, 30)
# Noise of a terminal per element: -174 + 10 lg 30000 + 9.
NOISE_DBM = -120.2288


def cells(*names: str) -> Cells:
    full_dbm = EPRE_DBM + 43.0 - CARRIER.per_element_dbm(43.0)
    found = {name: Cell(name, full_dbm, EPRE_DBM, EPRE_DBM, full_dbm - 3.0) for name in names}
    return Cells(found, CARRIER.subcarrier_spacing_hz, CARRIER)


def report(terminal: str, serving: str | None, levels: dict[str, float], **more) -> Report:
    named = tuple((name, Level(value, 1.0)) for name, value in levels.items())
    return Report(terminal, serving, named, **more)
