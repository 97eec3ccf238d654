"""Hard rules of powers as data, and the repair step that makes powers from any source obey limits and rules.

`Rules` says what is demanded; `bound` checks it against a network's limits; `enforced` repairs powers and `improved`
uses what the rules leave.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gfm_ra.rules.bounds import PowerBounds as PowerBounds
    from gfm_ra.rules.enforcement import enforced as enforced
    from gfm_ra.rules.enforcement import repaired as repaired
    from gfm_ra.rules.hard_rules import Rules as Rules
    from gfm_ra.rules.improvement import improved as improved
    from gfm_ra.rules.preparation import bound as bound
    from gfm_ra.rules.violations import violation as violation

_HOMES = {
    "Rules": "hard_rules",
    "PowerBounds": "bounds",
    "bound": "preparation",
    "enforced": "enforcement",
    "repaired": "enforcement",
    "improved": "improvement",
    "violation": "violations",
}
__all__ = ["PowerBounds", "Rules", "bound", "enforced", "improved", "repaired", "violation"]  # pyright: ignore


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
