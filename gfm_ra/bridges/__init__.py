"""Networks from the channels of other tools: Sionna, DeepMIMO, QuaDRiGa, MATLAB's toolboxes; and joint downlink powers.

    from gfm_ra import bridges
    network = bridges.network_from_sionna(h, transmit_power_dbm=44.0, noise_power_dbm=-92.0)

None of those tools has to be installed. Names are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gfm_ra.bridges.association import strongest as strongest
    from gfm_ra.bridges.channels import mean_path_gain as mean_path_gain
    from gfm_ra.bridges.deepmimo import network_from_deepmimo as network_from_deepmimo
    from gfm_ra.bridges.downlink import downlink_power_control as downlink_power_control
    from gfm_ra.bridges.matlab import network_from_quadriga as network_from_quadriga
    from gfm_ra.bridges.matlab import network_from_toolbox as network_from_toolbox
    from gfm_ra.bridges.matlab import read_matlab as read_matlab
    from gfm_ra.bridges.path_gains import network_from_path_gains as network_from_path_gains
    from gfm_ra.bridges.sionna import network_from_sionna as network_from_sionna

_HOMES = {
    "network_from_sionna": "sionna",
    "network_from_path_gains": "path_gains",
    "network_from_deepmimo": "deepmimo",
    "network_from_quadriga": "matlab", "network_from_toolbox": "matlab", "read_matlab": "matlab",
    "mean_path_gain": "channels",
    "strongest": "association",
    "downlink_power_control": "downlink",
}  # fmt: skip

__all__ = [*_HOMES]  # pyright: ignore


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
