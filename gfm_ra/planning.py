"""From measured networks to plans: powers in dBm, and the rates that are expected before and after.

Shapes: R rounds, K links.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.network.unrolled import UNCERTAINTY, UnrolledNetwork
from gfm_ra.inference.uncertain.expected import mean_rates
from gfm_ra.measurements.expected import estimated_gains_db, expected_rates
from gfm_ra.measurements.measured import Measured
from gfm_ra.network import Network
from gfm_ra.units import linear_to_db

DRAWS = 128
"""Networks that fit the measurements, over which rates are averaged."""


@dataclass(frozen=True)
class Plan:
    """Powers for measured cells and what is expected of them."""

    measured: Measured
    power: np.ndarray
    """[R, K], parts of full power."""
    power_dbm: np.ndarray
    """[R, K]; minus infinity for a silent transmitter."""
    rate: np.ndarray
    """[R, K], expected bit/s/Hz at these powers."""
    rate_full: np.ndarray
    """[R, K], expected with all at full power."""
    rate_today: np.ndarray | None
    """[R, K], expected at today's powers; None where they are not known."""
    goal: Any
    source: tuple[str, ...]
    """[R], where the powers come from."""
    notes: tuple[str, ...]


def plan(
    allocator: Allocator,
    measured: Measured,
    *,
    goal: Any = None,  # noqa: ANN401 (a name or a goal object)
    effort: Effort = "balanced",
    seed: int = 0,
    **numbers: Any,  # noqa: ANN401 (of the goal, as `Allocator.allocate` takes them)
) -> Plan:
    """Powers for a measured network.

    Rates are means over networks that fit the measurements, the same ones before and after: drawn from what the
    allocator's network says that the gains may be, or, where it knows nothing of uncertain gains, from the reported
    gains alone, `gfm_ra.measurements.expected`.

    Args:
        allocator: what sets the powers: `gfm_ra.load()`.
        measured: from `gfm_ra.measurements.network_of`.
        goal, numbers, effort, seed: as of `Allocator.allocate`.

    Raises:
        ValueError: as `Allocator.allocate`.
    """
    answer, notes = _answer(allocator, measured.network, goal=goal, effort=effort, seed=seed, **numbers)
    network = measured.network
    power = answer.power.reshape(-1, network.links).astype(np.float64)  # [R, K]
    today = measured.today
    powers = [power, np.ones_like(power)]
    powers += [] if today is None else [np.broadcast_to(today, power.shape)]
    rate, rate_full, *rate_today = _rates(allocator, network, np.stack(powers))  # [R, K] each
    power_dbm = measured.full_dbm + linear_to_db(power)
    return Plan(
        measured,
        power,
        power_dbm,
        rate,
        rate_full,
        rate_today[0] if rate_today else None,
        answer.goal,
        tuple(map(str, np.atleast_1d(answer.source))),
        (*notes, *answer.notes),
    )


def _rates(allocator: Allocator, network: Network, powers: np.ndarray) -> np.ndarray:
    """Expected rates of powers [P, R, K], [P, R, K]."""
    model = allocator.network
    if network.is_uncertain and isinstance(model, UnrolledNetwork) and UNCERTAINTY in model.knows:
        return mean_rates(model, network, powers, DRAWS)
    return expected_rates(network, powers, DRAWS)


def _answer(allocator: Allocator, network: Network, **question: Any) -> tuple[Allocation, list[str]]:  # noqa: ANN401
    """The answer to a network with unknown and uncertain gains; to estimates of them where it has none."""
    try:
        return allocator.allocate(network, **question), []
    except ValueError as error:
        reason = str(error)
    gains_db = estimated_gains_db(network)
    answer = allocator.allocate(
        Network(gain_db=gains_db, transmit_power_w=network.transmit_power_w), **question
    )
    return answer, [
        f"powers are for the most likely gains, unknown ones estimated ({reason.partition(':')[2].strip()})"
    ]
