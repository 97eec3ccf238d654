"""Networks from path gains or path losses between all receivers and transmitters: link budgets, coverage maps.

For example `sionna.sys.get_pathloss` (linear losses, [..., R, T, symbols]: choose a symbol), coupling losses of
TR 38.901 calibrations, MATLAB's nrPathLoss, measured losses.
"""

from typing import Any

import numpy as np

from gfm_ra.bridges.association import Association, links_of
from gfm_ra.bridges.channels import Budget, chosen_gain, network_of_gain, powers_of
from gfm_ra.network import Network
from gfm_ra.units import db_to_linear, linear_to_db

# Linear losses all between these numbers are taken for losses in dB: 15 to 25 dB between all pairs are less likely.
_LEAST_LOSS_DB, _LARGEST_LOSS_DB = 30.0, 300.0


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
        ValueError: not exactly one of the gains is given, or they do not fit; a negative gain, or one above 1, 0 dB;
            linear losses that all look like decibels; an association that is ambiguous; powers that are missing, given
            twice, or not positive.
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
    budget = Budget(transmit_power_w, transmit_power_dbm, noise_power_w, noise_power_dbm)
    powers = powers_of("path gains", budget, gain.shape)
    links = links_of(association, gain * powers.sent_w[..., None, :])
    return network_of_gain(chosen_gain(gain, links), links, 0, powers)


def _linear(name: str, given: Any) -> np.ndarray:  # noqa: ANN401
    """Linear path gains [..., R, T] float64, NaN where unknown."""
    values = np.asarray(given)
    if values.dtype.kind not in "fiu" or values.ndim < 2 or 0 in values.shape[-2:]:
        raise ValueError(
            f"path gains: {name} must be real numbers [..., receivers, transmitters], got {values.dtype} "
            f"{list(values.shape)}"
        )
    values = values.astype(np.float64)
    _check_passive(name, values)
    if name == "path_loss":
        _check_not_decibels(values)
        return 1.0 / values
    if name.endswith("_db"):
        return db_to_linear(values if name == "path_gain_db" else -values)
    return values


def _check_passive(name: str, values: np.ndarray) -> None:
    """Refuse linear values below 0, and gains above 1: no receiver gets more than what is sent."""
    linear = not name.endswith("_db")
    if linear and (values < 0).any():
        raise ValueError(
            f"path gains: {name} holds {values[values < 0][0]:g}, which is negative; is it in dB ({name}_db=)?"
        )
    is_loss = name.startswith("path_loss")
    bound = 1.0 if linear else 0.0
    wrong = values < bound if is_loss else values > bound
    if wrong.any():
        other = name.replace("loss", "gain") if is_loss else name.replace("gain", "loss")
        unit = f"in dB ({name}_db=)" if linear else f"linear ({name.removesuffix('_db')}=)"
        raise ValueError(
            f"path gains: {name}{np.argwhere(wrong)[0].tolist()} is {values[wrong][0]:g}: a receiver gets more than "
            f"what is sent; is it a {'gain' if is_loss else 'loss'} ({other}=), or {unit}? gains over noise are for "
            "Network"
        )


def _check_not_decibels(loss: np.ndarray) -> None:
    """Refuse linear losses all of which are numbers as those of losses in dB."""
    known = loss[np.isfinite(loss)]
    if known.size and known.min() >= _LEAST_LOSS_DB and known.max() <= _LARGEST_LOSS_DB:
        raise ValueError(
            f"path gains: path_loss is {known.min():g} to {known.max():g}: is it in dB (path_loss_db=)? losses of "
            f"{linear_to_db(known.min()):.1f} to {linear_to_db(known.max()):.1f} dB, if they are meant, are for "
            "path_loss_db="
        )
