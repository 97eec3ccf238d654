"""From what terminals, base stations and access points measure to a `Network`.

Readers of reports, the link budget from levels in dBm to gains over noise, and checks of what contradicts itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gfm_ra.measurements.cells import Cell as Cell
    from gfm_ra.measurements.cells import Cells as Cells
    from gfm_ra.measurements.cells import read_cells as read_cells
    from gfm_ra.measurements.checks import Conditions as Conditions
    from gfm_ra.measurements.measured import Measured as Measured
    from gfm_ra.measurements.measured import network_of as network_of
    from gfm_ra.measurements.reading import Measurements as Measurements
    from gfm_ra.measurements.reading import read_measurements as read_measurements
    from gfm_ra.measurements.reports import Level as Level
    from gfm_ra.measurements.reports import Report as Report

_HOMES = {
    "read_cells": "cells", "Cell": "cells", "Cells": "cells",
    "read_measurements": "reading", "Measurements": "reading",
    "Report": "reports", "Level": "reports",
    "network_of": "measured", "Measured": "measured",
    "Conditions": "checks",
}  # fmt: skip


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
