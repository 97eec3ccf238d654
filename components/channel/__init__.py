"""What a radio network looks like and how its gains are drawn: scenarios, simulator, hidden gains.

`Scenario`, `SCENARIOS` and `simulate(scenario, count, seed)` can be imported from here; modules of this repository
import from each other by their full names.
"""

from importlib import import_module

_EXPORTS = {"Scenario": "scenario", "SCENARIOS": "scenario", "simulate": "simulator"}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for."""
    if name in _EXPORTS:
        return getattr(import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
