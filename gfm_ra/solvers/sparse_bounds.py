"""Upper bounds of a goal's utility over all powers of a sparse network: those of gfm_ra/solvers/proofs/upper_bounds.py.

Interference that is left out only raises a bound: of the far field, of links in other groups, of gains not listed.
"""

from collections import defaultdict

import numpy as np

from gfm_ra.energy import energy_goal
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goals import Objective, SumRate
from gfm_ra.solvers.proofs.certificate import plain_of, weights_of
from gfm_ra.solvers.proofs.upper_bounds import GROUP, bounds_of_parts

_SLACK = 1e-12
"""Relative: more than the rounding of sums in double precision."""


def upper(
    network: SparseNetwork, goal: Objective | None = None, *, group: int = GROUP, threads: int | None = None
) -> float:
    """The least of `bounds`: no powers have a larger utility."""
    return min(bounds(network, goal, group=group, threads=threads).values())


def bounds(
    network: SparseNetwork, goal: Objective | None = None, *, group: int = GROUP, threads: int | None = None
) -> dict[str, float]:
    """Upper bounds of the utility over all powers, by name; each is valid by itself.

    single-links : every link as if it were alone.
    groups : links in groups of at most `group` that disturb each other most, each group's optimum (or the bound that
        branch and bound leaves) as if the others were silent.

    goal : sum rate unless given; of the package, weighted or not, but no energy efficiency.
    Raises ValueError for other goals, weights that do not fit, or a group below 2 or above 8 links.
    """
    goal = SumRate() if goal is None else goal
    if energy_goal(goal) is not None:
        raise ValueError("bounds: energy efficiency has no bound on sparse networks: give a matrix")
    if not 2 <= group <= 8:
        raise ValueError(f"bounds: a group has 2 to 8 links, got {group!r}")
    weights = np.array(weights_of(goal, (1, network.links)))[0]
    alone = weights * _benefit(goal, np.log1p(network.own.astype(np.float64)) / np.log(2.0))
    found = {"single-links": float(alone.sum() + _SLACK * np.abs(alone).sum())}
    groups = _grouped(network.links, _savings(network, goal, weights, alone), group)
    total = 0.0
    for size in sorted({len(members) for members in groups}):
        chosen = np.array([members for members in groups if len(members) == size])  # [G, M]
        parts = _parts(network, chosen)
        total += float(bounds_of_parts(parts, weights[chosen], goal, threads).sum())
    found["groups"] = total + _SLACK * abs(total)
    return found


def _benefit(goal: Objective, rates: np.ndarray) -> np.ndarray:
    return np.asarray(plain_of(goal).benefit(rates))


def _pairs(network: SparseNetwork) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of links that hear each other, low < high, and the gains at low from high and at high from low, [P]."""
    rows, links = network.by_receiver, network.links
    receiver = np.repeat(np.arange(links), np.diff(rows.start))
    other = rows.other.astype(np.int64)
    key = np.minimum(receiver, other) * links + np.maximum(receiver, other)
    keys, place = np.unique(key, return_inverse=True)
    gains = np.zeros((2, len(keys)))
    gains[(receiver > other).astype(int), place] = rows.gain
    return keys // links, keys % links, gains[0], gains[1]


def _savings(
    network: SparseNetwork, goal: Objective, weights: np.ndarray, alone: np.ndarray
) -> dict[int, list[tuple[float, int]]]:
    """About by how much two links lose against being alone, for the partners of every link that loses something."""
    low, high, at_low, at_high = _pairs(network)
    own = network.own.astype(np.float64)
    silent = weights * _benefit(goal, np.zeros(network.links))
    beside = [
        weights[link] * _benefit(goal, np.log1p(own[link] / (1.0 + gain)) / np.log(2.0))
        for link, gain in ((low, at_low), (high, at_high))
    ]
    one = np.maximum(alone[low] + silent[high], alone[high] + silent[low])
    saved = alone[low] + alone[high] - np.maximum(beside[0] + beside[1], one)
    partners: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for value, a, b in zip(saved.tolist(), low.tolist(), high.tolist(), strict=True):
        if value > 0:
            partners[a].append((value, b))
            partners[b].append((value, a))
    return partners


def _grouped(links: int, partners: dict[int, list[tuple[float, int]]], size: int) -> list[list[int]]:
    """Links in groups of at most a size, each around the link that loses most among those left."""
    most = np.array(
        [max((value for value, _ in partners.get(link, ())), default=0.0) for link in range(links)]
    )
    free = np.ones(links, dtype=bool)
    groups = []
    for first in np.argsort(-most, kind="stable").tolist():
        if not free[first]:
            continue
        group, pull = [first], defaultdict(float)
        free[first] = False
        while len(group) < size:
            for value, other in partners.get(group[-1], ()):
                pull[other] += value
            left = [(value, -other) for other, value in pull.items() if free[other]]
            if not left:
                break
            group.append(-max(left)[1])
            free[group[-1]] = False
        groups.append(group)
    return groups


def _parts(network: SparseNetwork, chosen: np.ndarray) -> np.ndarray:
    """Gains float64 [G, M, M] of groups of links, chosen [G, M]."""
    rows, links = network.by_receiver, network.links
    size = chosen.shape[1]
    parts = np.zeros((len(chosen), size, size))
    place = np.repeat(np.arange(links), np.diff(rows.start)) * links + rows.other  # rising
    for k in range(size):
        parts[:, k, k] = network.own[chosen[:, k]]
        for j in range(size):
            wanted = chosen[:, k] * links + chosen[:, j]
            if k == j or not len(place):
                continue
            at = np.minimum(np.searchsorted(place, wanted), len(place) - 1)
            parts[:, k, j] = np.where(place[at] == wanted, rows.gain[at], 0.0)
    return parts
