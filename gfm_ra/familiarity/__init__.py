"""Whether networks are like those that the model knows: a calibrated out-of-distribution score, and an alarm for drift.

gfm_ra.familiarity.of(network)                       # share of the training's networks that look as unusual
reference = gfm_ra.familiarity.fit(own_networks)     # networks of one's own instead
reference.familiarity(network)
"""

from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gfm_ra.familiarity.drift import Drift as Drift
    from gfm_ra.familiarity.fitting import fit as fit
    from gfm_ra.familiarity.packaged import load as load
    from gfm_ra.familiarity.reference import Reference as Reference
    from gfm_ra.network import Network

_HOMES = {"fit": "fitting", "load": "packaged", "Reference": "reference", "Drift": "drift"}
__all__ = ["Drift", "Reference", "fit", "load", "of"]  # pyright: ignore


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def of(network: "Network", reference: str = "trained") -> np.ndarray:
    """How familiar networks are, [...] in (0, 1]: the share of a packaged reference that looks at least as unusual.

    Args:
        network: gains; unknown ones may be NaN. What is said of their uncertainty is not looked at.
        reference: "trained" (all networks of the weights' training), "home" (the paper's scenarios) or a file.

    Returns:
        NaN where the reference has no networks of about that many links.

    Raises:
        InputError: there is no such reference.
        ValueError: a network of listed gains only (`Network.from_edges`).
    """
    from gfm_ra.familiarity.packaged import load

    return load(reference).familiarity(network)
