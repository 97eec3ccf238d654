"""A graph foundation model for wireless resource allocation: gains in, powers out.

    import gfm_ra
    answer = gfm_ra.load().allocate(gain_db=gain_db, goal="sum-rate")
    answer.power, answer.rate, answer.source

Needs numpy and the compiled core, nothing that trains. Names are imported when they are first used.
"""

from importlib import import_module

_HOMES = {
    "load": "loading",
    "Allocator": "allocator", "Allocation": "inference.allocation",
    "Network": "network", "network_from_channel": "network", "SparseNetwork": "gains.sparse_network",
    "SumRate": "goals", "ProportionalFair": "goals", "AlphaFair": "goals", "QoS": "goals", "Weighted": "goals",
    "EnergyEfficiency": "energy", "Slice": "slices.slice", "SliceAnswer": "slices.status",
    "spectral_efficiency": "rates", "Rules": "rules.hard_rules",
    "UserError": "errors", "InputError": "errors",
}  # fmt: skip
_MODULES = ("solvers", "units", "goals", "rates", "exact", "bounds", "bridges", "familiarity", "rules")

__all__ = [*_HOMES, *_MODULES]  # pyright: ignore


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("gfm-ra")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
