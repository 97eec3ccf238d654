"""Link scheduling: every link on or off in every band, whoever is on with an even part of its budgets.

Shapes: `...` leading dimensions, F bands, K links.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from gfm_ra.gains.power_limits import NO_GROUP, PowerLimits
from gfm_ra.goal_family import is_ours, numbers_of
from gfm_ra.goals import Objective
from gfm_ra.inference.allocation import Allocation, missed
from gfm_ra.inference.bands.problem import Problem
from gfm_ra.inference.bands.repair import repaired
from gfm_ra.inference.comparison import Effort
from gfm_ra.network import Network
from gfm_ra.solvers import bands

THRESHOLDS = (0.5, 0.25, 0.1, 0.02)
"""Parts of the largest power that a link, or anyone in its group, has in a band: from there on a link is on."""
ON_OFF, FPLINQ = "on-off", "fplinq"
_ITERATIONS = 100


class Allocates(Protocol):
    """An allocator."""

    def allocate(self, network: Network, *, goal: Objective, effort: Effort, seed: int) -> Allocation:
        """Powers for networks."""
        ...


def schedule(
    allocator: Allocates, network: Network, goal: Objective, effort: Effort = "balanced", seed: int = 0
) -> Allocation:
    """Powers of which every one is 0 or an even part of the budgets, within the limits: who is on in which band.

    The allocator's powers are made binary by the best of THRESHOLDS for each network, and those of FPLinQ in the same
    way; the better one wins, so that none is worse than FPLinQ.

    Raises:
        ValueError: as `allocate`; a goal that bands are not answered for; unknown gains, under which nothing can be
            compared.
    """
    if not is_ours(goal) or numbers_of(goal) is None:
        raise ValueError(
            "schedule: the goal must be an object for sum-rate, proportional-fair, alpha-fair or qos, weighted or not, "
            "such as gfm_ra.SumRate()"
        )
    if network.survey.unknown or network.is_uncertain:
        raise ValueError("schedule: needs exact gains: some are unknown or uncertain")
    answer = allocator.allocate(network, goal=goal, effort=effort, seed=seed)
    flat = network.flattened()
    gain = flat.gain if network.bands else flat.gain[:, None]
    problem = Problem(gain, flat.limits or _unlimited(gain), goal)
    ours = binary(problem, answer.power.reshape(problem.shape))
    power, number = problem.best([ours, binary(problem, fplinq(problem))])
    each = problem.rates(power)
    rate = each.sum(1)
    return replace(
        answer,
        power=power.reshape(answer.power.shape),
        rate=rate.reshape(answer.rate.shape),
        utility=np.asarray(goal.utility(rate)).reshape(network.shape)[()],
        source=np.array([ON_OFF, FPLINQ])[number].reshape(network.shape)[()],
        below_min_rate=missed(rate, goal).reshape(network.shape)[()],
        rate_per_band=None if network.bands is None else each.reshape(answer.power.shape),
        gap=None,
    )


def fplinq(problem: Problem) -> np.ndarray:
    """Powers [B, F, K] of FPLinQ's iteration with budgets, not yet binary.

    On single-antenna links it is WMMSE with unit weights from full power.

    Source: Shen and Yu, FPLinQ: a cooperative spectrum sharing strategy for device-to-device communications, ISIT 2017.
    """
    return bands.wmmse(problem.gain, problem.limits, starts=1, iterations=_ITERATIONS)


def binary(problem: Problem, power: np.ndarray) -> np.ndarray:
    """Powers float32 [B, F, K] made binary, by the threshold that suits each network best."""
    limits = problem.limits
    largest = np.maximum(power.max(1, keepdims=True), 1e-30)  # [B, 1, K]
    for group in range(limits.groups):
        members = limits.group == group
        largest = largest.copy()
        largest[..., members] = largest[..., members].max(-1, keepdims=True)
    return problem.best([even(problem, power >= part * largest) for part in THRESHOLDS])[0]


def even(problem: Problem, on: np.ndarray) -> np.ndarray:
    """Powers float32 [B, F, K] of links that are on, bool [B, F, K]: even parts of every budget, within the limits."""
    limits = problem.limits
    if limits.sharing.max(initial=NO_GROUP) >= 0:
        on = problem.repaired(_parts(on, limits)) > 0
    return repaired(_parts(on, limits), limits)


def _parts(on: np.ndarray, limits: PowerLimits) -> np.ndarray:
    """Even parts of the budgets, float64 [B, F, K]."""
    used = on.astype(np.float64)
    part = limits.total / np.maximum(used.sum(1), 1.0)  # [B, K]
    if limits.groups:
        of_group = limits.group_total / np.maximum(limits.group_sums(used), 1.0)
        part = np.where(limits.group >= 0, np.minimum(part, of_group[..., limits.group]), part)
    return used * part[:, None]


def _unlimited(gain: np.ndarray) -> PowerLimits:
    """Full power for everyone: gain [B, 1, K, K]."""
    count, bands_, links, _ = gain.shape
    nobody = np.full(links, NO_GROUP, dtype=np.int64)
    return PowerLimits(
        np.ones((count, links)), np.ones((count, bands_, links)), nobody, np.ones((count, 0)), nobody
    )
