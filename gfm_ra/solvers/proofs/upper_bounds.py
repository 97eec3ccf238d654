"""Upper bounds of a goal's utility over all powers, for networks too large to be solved exactly."""

from typing import Any

import numpy as np

from gfm_ra.energy import energy_goal
from gfm_ra.goals import Objective, SumRate
from gfm_ra.solvers.proofs import energy_optimum, fair_optimum
from gfm_ra.solvers.proofs.branch_and_bound import search
from gfm_ra.solvers.proofs.certificate import plain_of, weights_of
from gfm_ra.solvers.proofs.optimum import aim_of, allowance_of, flat_goal, known_gains
from gfm_ra.solvers.weighted_mmse import wmmse

GROUP = 4
"""Links in a group."""
_TOLERANCE, _MOST_BOXES = 1e-3, 4000
_ITERATIONS = 100


def upper(gain: Any, goal: Objective | None = None, *, group: int = GROUP, threads: int | None = None) -> Any:  # noqa: ANN401
    """The least of `bounds`, [...]: no powers have a larger utility under gain [..., K, K], linear."""
    found = bounds(gain, goal, group=group, threads=threads)
    return np.minimum.reduce(list(found.values()))[()]


def bounds(
    gain: Any,  # noqa: ANN401 (whatever NumPy makes an array of)
    goal: Objective | None = None,
    *,
    group: int = GROUP,
    threads: int | None = None,
) -> dict[str, np.ndarray]:
    """Upper bounds [...] of the utility over all powers, by name; each is valid by itself.

    single-links : every link as if it were alone; the only one for energy efficiency.
    groups : links in groups of `group` that disturb each other most, each group's optimum (or the bound that 4,000
        boxes of branch and bound leave) as if the others were silent.
    tangent : only for proportional and alpha-fairness from alpha = 1 on, whose utility is concave in the powers'
        logarithms; most often tight to 1e-6.

    goal : sum rate unless given; any of the package, weighted or not.
    Raises ValueError for gains or goals that do not fit, unknown gains, or a group below 2 links.
    """
    goal = SumRate() if goal is None else goal
    batch, shape = known_gains(gain, "bounds")
    if not 2 <= group <= 8:
        raise ValueError(f"bounds: a group has 2 to 8 links, got {group!r}")
    count, links, _ = batch.shape
    goal = flat_goal(goal, shape, links)
    if energy_goal(goal) is not None:
        return {"single-links": energy_optimum.alone(batch, goal).reshape(shape)}
    weights = np.array(weights_of(goal, (count, links)))
    alone = _alone(batch, goal, weights)
    found = {"single-links": alone.sum(-1) + 1e-12 * np.abs(alone).sum(-1)}
    if links > 1:
        found["groups"] = _groups(batch, goal, weights, alone, min(group, links), threads)
    if fair_optimum.is_concave(goal):
        power = wmmse(batch, goal, iterations=_ITERATIONS, threads=threads).astype(np.float64)
        found["tangent"] = fair_optimum.tangent_bound(batch, goal, fair_optimum.climb(batch, goal, power))
    return {name: values.reshape(shape) for name, values in found.items()}


def _alone(batch: np.ndarray, goal: Objective, weights: np.ndarray) -> np.ndarray:
    """Benefit of every link without interference, [B, K]."""
    rates = np.log1p(np.diagonal(batch, axis1=-2, axis2=-1)) / np.log(2.0)
    return weights * np.asarray(plain_of(goal).benefit(rates))


def _groups(
    batch: np.ndarray, goal: Objective, weights: np.ndarray, alone: np.ndarray, size: int, threads: int | None
) -> np.ndarray:
    count, links, _ = batch.shape
    members = [_grouped(_savings(batch[b], goal, weights[b], alone[b]), size) for b in range(count)]
    whole = links // size  # groups of the full size; what is left over is one smaller group
    total = np.zeros(count)
    for width, rows in ((size, slice(0, whole)), (links - whole * size, slice(whole, None))):
        if width == 0:
            continue
        chosen = np.array([groups[rows] for groups in members], dtype=np.int64).reshape(count, -1, width)
        total += _searched(batch, goal, weights, chosen, threads)
    return total + 1e-12 * np.abs(total)


def _searched(
    batch: np.ndarray, goal: Objective, weights: np.ndarray, chosen: np.ndarray, threads: int | None
) -> np.ndarray:
    """Sum [B] of the upper bounds of groups of links, chosen [B, G, M]."""
    count, groups, size = chosen.shape
    at = np.arange(count)[:, None, None, None]
    parts = batch[at, chosen[..., :, None], chosen[..., None, :]].reshape(-1, size, size)
    own = np.take_along_axis(weights[:, None], chosen, -1).reshape(-1, size)
    return bounds_of_parts(parts, own, goal, threads).reshape(count, groups).sum(-1)


def bounds_of_parts(parts: np.ndarray, own: np.ndarray, goal: Objective, threads: int | None) -> np.ndarray:
    """Upper bound [N] of each of many small networks, gain [N, M, M], whose links have weights `own` [N, M]."""
    from gfm_ra.goals import Weighted

    size = own.shape[-1]
    base = plain_of(goal)
    upper = np.asarray(own * base.benefit(np.zeros_like(own))).sum(-1)  # of links that count nothing
    some = np.flatnonzero(own.any(-1))
    if not some.size:
        return upper
    aim: Objective = Weighted(base, own[some])
    start = wmmse(parts[some], aim, iterations=_ITERATIONS, threads=threads).astype(np.float64)
    allowance = allowance_of(aim, len(some), size, _TOLERANCE, _MOST_BOXES, 0.0)
    upper[some] = search(
        parts[some], aim_of(aim, len(some), size), start, allowance, threads, cut=False
    ).upper
    return upper


def _savings(gain: np.ndarray, goal: Objective, weights: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """About by how much two links lose against being alone, [K, K]: with each of them on, or both."""
    direct = np.diagonal(gain)
    rate = np.log1p(direct[:, None] / (1.0 + gain)) / np.log(2.0)  # of a row's link beside a column's
    base = plain_of(goal)
    beside = weights[:, None] * np.asarray(base.benefit(rate))
    silent = weights * np.asarray(base.benefit(np.zeros_like(direct)))
    one = alone[:, None] + silent
    saved = alone[:, None] + alone - np.maximum(beside + beside.T, np.maximum(one, one.T))
    np.fill_diagonal(saved, 0.0)
    return saved


def _grouped(saved: np.ndarray, size: int) -> list[np.ndarray]:
    """Links in groups of a size, each around the pair that loses most among those left; the last may be smaller."""
    links = len(saved)
    free = np.ones(links, dtype=bool)
    groups = []
    for first in np.argsort(-saved.max(-1), kind="stable"):
        if not free[first]:
            continue
        group, pull = [int(first)], saved[first].copy()
        free[first] = False
        while len(group) < size and free.any():
            following = int(np.where(free, pull, -np.inf).argmax())
            group.append(following)
            free[following] = False
            pull += saved[following]
        groups.append(np.array(group))
    return groups
