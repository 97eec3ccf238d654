"""From what terminals, base stations and access points measure to a `Network`.

Readers of reports, the link budget from levels in dBm to gains over noise, and checks of what contradicts itself.
"""

from importlib import import_module

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
