"""On/off powers over bands: FPLinQ, and proportional-fair scheduling band by band."""

import numpy as np

from gfm_ra.gains.power_limits import NO_GROUP, PowerLimits
from gfm_ra.goals import RATE_FLOOR, Objective
from gfm_ra.solvers.bands.inputs import Problem, as_problem
from gfm_ra.solvers.bands.weighted_mmse import wmmse

_HALF = 0.5


def scheduled(
    gain: np.ndarray,
    limits: PowerLimits,
    goal: Objective | None = None,
    *,
    iterations: int = 100,
    threads: int | None = None,
) -> np.ndarray:
    """FPLinQ over bands: the fractional-programming iteration from full power, rounded to on or off in each band.

    A link is on in a band where its power is more than half of what equal powers would give it: its `per_band` limits
    scaled to those of sums. Those that are on then have their `per_band` limit, scaled down by one factor per link and
    one per group where sums would exceed theirs. With one band and no limits this is `gfm_ra.solvers.fplinq`.

    gain: [B, F, K, K]; limits: of leading shape [B]; goal: sum rate unless given. Returns float32 [B, F, K]. Raises
    ValueError as `wmmse`.
    Source: Shen and Yu, FPLinQ: a cooperative spectrum sharing strategy for device-to-device communications, ISIT 2017.
    """
    problem = as_problem(gain, limits, "bands.scheduled")
    equal = _scaled(problem, np.ones(problem.per_band.shape, dtype=bool))
    power = wmmse(gain, limits, goal, iterations=iterations, threads=threads)
    return _scaled(problem, (power > _HALF * equal) & (power > 0))


def proportional_fair_schedule(
    gain: np.ndarray,
    limits: PowerLimits,
    weights: np.ndarray | None = None,
    *,
    average_rate: np.ndarray | None = None,
) -> np.ndarray:
    """Proportional-fair scheduling: in each band and cell the link with the largest ratio of rate to average rate.

    A cell is the links of one number of sharing, or, of links without one, of one group; a link without either is a
    cell of its own. Bands are given away in their order. The rate in a band is that at equal power (the `per_band` limits
    scaled to those of sums), with the interference of another cell averaged over its links, which is what a scheduler
    knows before the other cells decide. What a link has been given counts for its average rate in the bands that
    follow. Links that are scheduled then have equal powers: their `per_band` limits, scaled down where sums would
    exceed theirs.

    gain: [B, F, K, K]; limits: of leading shape [B]; weights: [K] or [B, K], which multiply the ratios, 1 unless given;
    average_rate: [K] or [B, K], in bit/s/Hz >= 0, of the past; none unless given. Returns float32 [B, F, K]. Raises
    ValueError as `wmmse`, or for weights or average rates that do not fit or are negative.
    Source: Kim and Han, A proportional fair scheduling for multicarrier transmission systems, IEEE Commun. Lett. 2005.
    """
    problem = as_problem(gain, limits, "bands.proportional_fair_schedule")
    count, bands, links = problem.per_band.shape
    weight = _per_link(weights, 1.0, "weights", count, links)
    average = _per_link(average_rate, 0.0, "average_rate", count, links)
    cell = _cells(problem)
    equal = _scaled(problem, np.ones(problem.per_band.shape, dtype=bool)).astype(np.float64)
    size = np.bincount(cell)[cell]  # [K]
    foreign = cell[:, None] != cell  # [K, K]
    on = np.zeros(problem.per_band.shape, dtype=bool)
    for band in range(bands):
        own = np.diagonal(problem.gain[:, band], axis1=-2, axis2=-1)  # [B, K]
        crossing = np.where(foreign, problem.gain[:, band], 0)  # [B, K, K]
        interference = np.einsum("bkj,bj->bk", crossing, equal[:, band] / size)
        rate = np.log2(1 + own * equal[:, band] / (1 + interference))  # [B, K]
        ratio = weight * rate / (average + RATE_FLOOR)
        on[:, band] = _largest_of_cell(ratio, cell) & (rate > 0)
        average = average + np.where(on[:, band], rate, 0.0)
    return _scaled(problem, on)


def _cells(problem: Problem) -> np.ndarray:
    """The number of each link's cell, int64 [K], from 0 without gaps."""
    links = np.arange(len(problem.group))
    groups = problem.group_total.shape[1]
    alone = np.where(problem.group != NO_GROUP, problem.group, groups + links)
    number = np.where(problem.sharing != NO_GROUP, problem.sharing, len(links) + alone)
    return np.unique(number, return_inverse=True)[1]


def _largest_of_cell(value: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Whether a value [B, K] is the largest of its cell; the first of equals."""
    chosen = np.zeros(value.shape, dtype=bool)
    for number in range(int(cell.max()) + 1):
        members = np.flatnonzero(cell == number)
        best = members[value[:, members].argmax(-1)]  # [B]
        chosen[np.arange(len(value)), best] = True
    return chosen


def _scaled(problem: Problem, on: np.ndarray) -> np.ndarray:
    """The `per_band` limits where a link is on [B, F, K], scaled to the limits of links' sums, then of groups'."""
    power = np.where(on, problem.per_band, 0).astype(np.float64)
    power *= _part_within(power.sum(1), problem.total)[:, None, :]
    member = problem.group[:, None] == np.arange(problem.group_total.shape[1])  # [K, G]
    part = _part_within(power.sum(1) @ member, problem.group_total)  # [B, G]
    of_link = np.where(member.any(-1), part @ member.T, 1.0) if member.size else 1.0
    rounded = (power * np.broadcast_to(of_link, problem.total.shape)[:, None, :]).astype(np.float32)
    exceeds = rounded > power * np.broadcast_to(of_link, problem.total.shape)[:, None, :]
    return np.where(exceeds, np.nextafter(rounded, np.float32(0)), rounded)


def _part_within(sum_of: np.ndarray, most: np.ndarray) -> np.ndarray:
    """The factor, at most 1, that brings a sum to its limit."""
    over = sum_of > most
    return np.where(over, most / np.where(over, sum_of, 1.0), 1.0)


def _per_link(given: np.ndarray | None, otherwise: float, name: str, count: int, links: int) -> np.ndarray:
    """Numbers of links, float64 [B, K]."""
    values = np.asarray(otherwise if given is None else given, dtype=np.float64)
    if given is not None and values.shape not in ((links,), (count, links)):
        raise ValueError(
            f"bands.proportional_fair_schedule: {name} must be [{links}] or [{count}, {links}], "
            f"got shape {list(values.shape)}"
        )
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"bands.proportional_fair_schedule: {name} must be finite and 0 or more")
    return np.broadcast_to(values, (count, links))
