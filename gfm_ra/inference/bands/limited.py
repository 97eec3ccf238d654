"""A single band whose links are limited one by one: the network without limits of which the limits are full power."""

from dataclasses import replace

import numpy as np

from gfm_ra.goals import Objective
from gfm_ra.inference.allocation import Allocation
from gfm_ra.network import Network
from gfm_ra.units import linear_to_db


def is_scaling(network: Network) -> bool:
    """Whether a network has a single band and limits of links alone."""
    limits = network.limits
    assert limits is not None, "networks with limits are asked about"
    return network.bands is None and limits.groups == 0 and bool((limits.sharing < 0).all())


def scaled_gains(network: Network) -> Network:
    """The network without limits in which a link's full power is its limit: column j of the gains times limit j.

    Of a transmitter whose limit is 0, gains are known to be 0.
    """
    limits = network.limits
    assert limits is not None, "networks with limits are asked about"
    limit = limits.total[..., None, :]
    silent, gain = limit == 0, network.gain
    scaled = np.where(silent, gain.dtype.type(0), gain * limit.astype(gain.dtype))
    most_db = network.at_most_db
    if most_db is not None:
        most_db = np.where(silent, np.inf, most_db + linear_to_db(np.where(silent, 1.0, limit)))
    return Network(scaled, uncertainty_db=network.uncertainty_db, at_most_db=most_db)


def scaled_back(answer: Allocation, network: Network, goal: Objective) -> Allocation:
    """The answer in parts of full power, float32, never above the limits."""
    limits = network.limits
    assert limits is not None, "networks with limits are asked about"
    exact = answer.power * limits.total
    power = exact.astype(np.float32)
    power = np.where(power > exact, np.nextafter(power, np.float32(0.0)), power)
    return replace(answer, power=power, network=network, goal=goal, transmit_power_w=network.transmit_power_w)
