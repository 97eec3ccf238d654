"""The best powers that there are, with a proof: by branch and bound, or by a tangent where the problem is concave."""

from typing import Any

import numpy as np

from gfm_ra.energy import energy_goal
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.network import Network
from gfm_ra.solvers.proofs import energy_optimum, fair_optimum
from gfm_ra.solvers.proofs.branch_and_bound import (
    MOST_LINKS,
    Aim,
    Allowance,
    Shape,
    deadline,
    search,
)
from gfm_ra.solvers.proofs.certificate import Certificate, plain_of, scale_of, utility_of, weights_of
from gfm_ra.solvers.weighted_mmse import wmmse

SEARCHED, FAIR_SEARCHED = 12, 5
"""Links up to which branch and bound runs without a limit, and where the tangent has not proven enough."""
_ENDLESS = (
    "exact: {} links may take for ever: give time_limit_s or most_boxes, and get the bounds reached by then"
)
_STARTS, _ITERATIONS = 30, 100
_INSIDE = 0.999
"""Part of the tolerance that the search works with: powers are rounded to float32 afterwards."""


def optimum(
    gain: Any,  # noqa: ANN401 (whatever NumPy makes an array of)
    goal: Objective | None = None,
    tolerance: float = 1e-3,
    time_limit_s: float | None = None,
    *,
    initial_power: np.ndarray | None = None,
    most_boxes: int | None = None,
    threads: int | None = None,
    cut: bool = True,
) -> Certificate:
    """The best powers for gain [..., K, K], linear, to a tolerance, and the proof that none are better.

    goal: sum rate unless given; any of the package, weighted or not. tolerance: largest `Certificate.gap`, in the unit
    that `certificate.scale_of` says. time_limit_s, most_boxes: of the call, and of each network; where
    one of them ends the search, the bounds reached by then are answered. initial_power: [..., K], powers to begin with
    instead of WMMSE's. threads: all cores unless given; answers do not depend on it unless time runs out. cut: whether
    a single network is cut into parts for threads; otherwise it gets the answer that it would get among others.

    Proportional and alpha-fairness from alpha = 1 on are concave problems but for links without a rate: the optimum is
    found for any number of links, and mostly proven. Otherwise time grows exponentially with it: K = 8 takes about a
    tenth of a second for sum rate, and up to minutes for others.

    Source: Matthiesen, Hellings, Jorswieck and Utschick, Mixed monotonic programming for fast global optimization, IEEE
    Transactions on Signal Processing 68, 2020; what was added is said in gfm_ra/core/exact/box.hpp.

    Raises:
        ValueError: gains, goal, weights, tolerance or powers that do not fit; unknown gains; more than 64 links
            where the problem is not concave.
        MemoryError: the search found no memory.
    """
    goal = SumRate() if goal is None else goal
    batch, shape = known_gains(gain, "exact")
    if not 0.0 < tolerance < 1.0:
        raise ValueError(f"exact: tolerance must lie between 0 and 1, got {tolerance!r}")
    until = deadline(time_limit_s)
    count, links, _ = batch.shape
    goal = flat_goal(goal, shape, links)
    if energy_goal(goal) is not None:
        return _most_efficient(batch, goal, shape, tolerance, until, initial_power, most_boxes, threads, cut)
    power = starts(batch, goal, threads) if initial_power is None else _given(initial_power, shape, links)
    upper, boxes = np.full(count, np.inf), np.zeros(count, np.int64)
    if fair_optimum.is_concave(goal):
        power = fair_optimum.climb(batch, goal, power)
        upper = fair_optimum.tangent_bound(batch, goal, power)
    lower = utility_of(goal, power, batch)
    rows = np.flatnonzero((upper - lower) / scale_of(goal, lower, links) > _INSIDE * tolerance)
    limited = time_limit_s is not None or most_boxes is not None
    if links > MOST_LINKS and not fair_optimum.is_concave(goal):
        raise ValueError(f"exact: {links} links: at most {MOST_LINKS} are searched for {goal!r}")
    if links > SEARCHED and not limited and not fair_optimum.is_concave(goal):
        raise ValueError(_ENDLESS.format(links))
    most = FAIR_SEARCHED if fair_optimum.is_concave(goal) else SEARCHED
    if rows.size and links <= MOST_LINKS and (links <= most or limited):
        part = flat_goal(goal, (count,), links, rows)
        allowance = allowance_of(part, len(rows), links, _INSIDE * tolerance, most_boxes, until)
        found = search(batch[rows], aim_of(part, len(rows), links), power[rows], allowance, threads, cut)
        power[rows], boxes[rows] = found.power, found.boxes
        upper[rows] = np.minimum(upper[rows], found.upper)
    return certified(batch, goal, power, upper, boxes, shape)


def _most_efficient(
    batch: np.ndarray, goal: Objective, shape: tuple[int, ...], tolerance: float, until: float,
    initial_power: np.ndarray | None, most_boxes: int | None, threads: int | None, cut: bool,
) -> Certificate:  # fmt: skip
    """`optimum` for energy efficiency."""
    links = batch.shape[-1]
    energy_optimum.check(goal)
    if links > SEARCHED and until == 0.0 and most_boxes is None:
        raise ValueError(_ENDLESS.format(links))
    power = (
        energy_optimum.starts(batch, goal) if initial_power is None else _given(initial_power, shape, links)
    )
    boxes = 2**62 if most_boxes is None else most_boxes
    found = energy_optimum.best(batch, goal, power, _INSIDE * tolerance, boxes, until, threads, cut)
    return certified(batch, goal, found.power, found.upper, found.boxes, shape)


def known_gains(gain: Any, caller: str) -> tuple[np.ndarray, tuple[int, ...]]:  # noqa: ANN401
    """Gains [B, K, K] in double precision, and the leading dimensions that they had.

    Raises ValueError for gains that are none, or unknown.
    """
    network = gain if isinstance(gain, Network) else Network(gain)
    if network.survey.unknown:
        raise ValueError(
            f"{caller}: {network.survey.unknown} gains are unknown: nothing can be proven without them"
        )
    flat = network.flattened()
    return np.ascontiguousarray(flat.gain, dtype=np.float64), network.shape


def flat_goal(
    goal: Objective, shape: tuple[int, ...], links: int, rows: np.ndarray | None = None
) -> Objective:
    """The goal for networks in a row, or for some of them: its weights are [B, K]."""
    from gfm_ra.goals import Weighted

    if not isinstance(goal, Weighted):
        return goal
    weights = weights_of(goal, (*shape, links)).reshape(-1, links)
    return Weighted(goal.objective, weights if rows is None else weights[rows])


def starts(batch: np.ndarray, goal: Objective, threads: int | None) -> np.ndarray:
    """Powers to begin with, float64 [B, K]: the best of some WMMSE runs."""
    found = wmmse(batch, goal, starts=_STARTS, iterations=_ITERATIONS, threads=threads)
    return found.astype(np.float64)


def aim_of(goal: Objective, count: int, links: int) -> Aim:
    """A goal of the family as branch and bound takes it."""
    weights = np.ascontiguousarray(weights_of(goal, (count, links)))
    match plain_of(goal):
        case SumRate():
            return Aim(Shape.LINEAR, 0.0, 0.0, weights)
        case ProportionalFair():
            return Aim(Shape.LOGARITHM, 0.0, 0.0, weights)
        case QoS(min_rate, penalty):
            return Aim(Shape.QOS, min_rate, penalty, weights)
        case AlphaFair(alpha):
            return Aim(Shape.POWER, alpha, 0.0, weights)
    raise ValueError(f"exact: no exact answer is known for the goal {goal!r}")


def allowance_of(
    goal: Objective, count: int, links: int, tolerance: float, most_boxes: int | None, until: float
) -> Allowance:
    """A tolerance in the unit of `scale_of` as branch and bound takes it."""
    weights = weights_of(goal, (count, links)).sum(-1)
    relative, absolute, shift = tolerance, 0.0, np.zeros(count)
    match plain_of(goal):
        case ProportionalFair():
            relative, absolute = 0.0, tolerance * float(weights.min())
        case QoS(min_rate, penalty):
            shift = weights * min_rate * penalty
        case AlphaFair(alpha):
            relative = tolerance * abs(1.0 - alpha)
    return Allowance(relative, absolute, shift, 2**62 if most_boxes is None else most_boxes, until)


def certified(
    batch: np.ndarray,
    goal: Objective,
    power: np.ndarray,
    upper: np.ndarray,
    boxes: np.ndarray,
    shape: tuple[int, ...],
) -> Certificate:
    """The certificate for float64 powers [B, K], which are rounded to float32 first: their utility is that of these."""
    links = power.shape[-1]
    rounded = np.clip(power, 0.0, 1.0).astype(np.float32)
    lower = utility_of(goal, rounded, batch)
    upper = np.maximum(upper, lower)
    missing, scale = upper - lower, scale_of(goal, lower, links)
    # Where nothing can be reached, as with gains of 0, the scale is 0 and so is the gap.
    gap = np.divide(missing, scale, out=np.where(missing > 0, np.inf, 0.0), where=scale != 0)
    return Certificate(
        rounded.reshape(*shape, links),
        lower.reshape(shape)[()],
        upper.reshape(shape)[()],
        boxes.reshape(shape)[()],
        gap.reshape(shape)[()],
    )


def _given(power: np.ndarray, shape: tuple[int, ...], links: int) -> np.ndarray:
    given = np.asarray(power, dtype=np.float64)
    if given.shape != (*shape, links) or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(
            f"exact: initial_power must be {[*shape, links]} numbers in [0, 1], got {list(given.shape)}"
        )
    return given.reshape(-1, links).copy()
