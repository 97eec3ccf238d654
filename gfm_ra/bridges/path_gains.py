"""Networks from path gains or path losses between all receivers and transmitters: link budgets, coverage maps.

For example `sionna.sys.get_pathloss` (linear losses, [..., R, T, symbols]: choose a symbol), coupling losses of
TR 38.901 calibrations, MATLAB's nrPathLoss, measured losses.
"""

from typing import Any

import numpy as np

from gfm_ra.bridges.association import Association, links_of
from gfm_ra.bridges.channels import Budget, chosen_gain, network_of_gain
from gfm_ra.network import Network
from gfm_ra.units import db_to_linear


def network_from_path_gains(
    *,
    path_gain: Any = None,  # noqa: ANN401 (whatever NumPy makes an array of)
    path_gain_db: Any = None,  # noqa: ANN401
    path_loss: Any = None,  # noqa: ANN401
    path_loss_db: Any = None,  # noqa: ANN401
    association: Association = "strongest",
    transmit_power_w: Any = None,  # noqa: ANN401
    transmit_power_dbm: Any = None,  # noqa: ANN401
    noise_power_w: Any = None,  # noqa: ANN401
    noise_power_dbm: Any = None,  # noqa: ANN401
) -> Network:
    """The network of path gains between receivers and transmitters, [..., R, T].

    Args:
        path_gain: received over sent power, linear; NaN where unknown.
        path_gain_db: the same in dB, instead; -inf is a gain of zero.
        path_loss: sent over received power, linear, instead; infinity is a gain of zero.
        path_loss_db: the same in dB, instead.
        association: which transmitter serves which receiver, "strongest" or an array (`association.links_of`).
        transmit_power_w: full power of every transmitter, one number, [T] or [..., T].
        transmit_power_dbm: the same in dBm, instead.
        noise_power_w: noise of every receiver, one number, [R] or [..., R].
        noise_power_dbm: the same in dBm, instead.

    Raises:
        ValueError: not exactly one of the gains is given, or they do not fit; a negative gain, or a loss that is not
            positive; an association that is ambiguous; powers that are missing, given twice, or not positive.
    """
    given = {
        "path_gain": path_gain,
        "path_gain_db": path_gain_db,
        "path_loss": path_loss,
        "path_loss_db": path_loss_db,
    }
    named = [name for name, values in given.items() if values is not None]
    if len(named) != 1:
        raise ValueError(f"path gains: give one of {', '.join(given)}, got {', '.join(named) or 'none'}")
    gain = _linear(named[0], given[named[0]])
    links = links_of(association, gain)
    budget = Budget(transmit_power_w, transmit_power_dbm, noise_power_w, noise_power_dbm)
    chosen = chosen_gain(gain, links)
    return network_of_gain("path gains", chosen, links, 0, gain.shape[-2], gain.shape[-1], budget)


def _linear(name: str, given: Any) -> np.ndarray:  # noqa: ANN401
    """Linear path gains [..., R, T] float64, NaN where unknown."""
    values = np.asarray(given)
    if values.dtype.kind not in "fiu" or values.ndim < 2 or 0 in values.shape[-2:]:
        raise ValueError(
            f"path gains: {name} must be real numbers [..., receivers, transmitters], got {values.dtype} "
            f"{list(values.shape)}"
        )
    values = values.astype(np.float64)
    if name == "path_loss" and (values <= 0).any():
        raise ValueError(
            f"path gains: path_loss is {values.min():g}: linear losses are positive; is it in dB?"
        )
    if name.endswith("_db"):
        values = db_to_linear(values if name == "path_gain_db" else -values)
    elif name == "path_loss":
        values = 1.0 / values
    if (values < 0).any() or (values == np.inf).any():
        raise ValueError(f"path gains: {name} holds a gain that is negative or infinite; is it in dB?")
    return values
