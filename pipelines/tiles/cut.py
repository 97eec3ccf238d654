"""Which links are solved together: a balanced cut of a sparse network into tiles, and the halo around each.

Shapes: K links, E crossing gains. A cut is an int32 array [K], the number of every link's tile.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gfm_ra.gains.sparse_network import SparseNetwork

STRONG = 0.01
"""Part of all that a receiver hears at full power from which on a transmitter counts as its neighbour."""
HOPS = 2
"""Neighbours of neighbours of a tile's own links that are solved with them."""


class Neighbours(NamedTuple):
    """Strongly coupled links, both directions: those of link k lie from `start[k]` to `start[k + 1]`."""

    start: np.ndarray  # int64 [K + 1]
    other: np.ndarray  # int32

    def of(self, links: np.ndarray) -> np.ndarray:
        """Neighbours of some links, one link's after the other's; a link may come several times."""
        return self.other[entries(self.start, links)]


def entries(start: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Places, int64, of the entries of some compressed rows, in the order of the rows."""
    counts = start[rows + 1] - start[rows]
    before = np.cumsum(counts) - counts
    return np.arange(counts.sum()) + np.repeat(start[rows] - before, counts)


def neighbours(network: SparseNetwork, share: float = STRONG) -> Neighbours:
    """Pairs of links of which one hears the other with at least this share of noise and all interference."""
    rows, links = network.by_receiver, network.links
    receiver = np.repeat(np.arange(links, dtype=np.int32), np.diff(rows.start))  # [E]
    heard = 1.0 + np.bincount(receiver, rows.gain.astype(np.float64), minlength=links)  # [K]
    if network.far is not None:
        heard += network.far.gain.sum(1, dtype=np.float64)
    strong = rows.gain >= share * heard[receiver]
    one, other = receiver[strong], rows.other[strong]
    ends, others = np.concatenate([one, other]), np.concatenate([other, one])
    start = np.zeros(links + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=links), out=start[1:])
    return Neighbours(start, others[np.lexsort((others, ends))])


def by_positions(position_m: np.ndarray, tiles: int) -> np.ndarray:
    """A k-d tree's cut of positions [K, 2], halved along the longer side, into tiles of equal numbers of links."""

    def along(links: np.ndarray) -> np.ndarray:
        placed = position_m[links]
        axis = int(np.argmax(placed.max(0) - placed.min(0)))
        return links[np.lexsort((links, placed[:, axis]))]

    return _bisected(len(position_m), tiles, along)


def by_couplings(coupled: Neighbours, tiles: int) -> np.ndarray:
    """A cut into tiles of equal numbers of links, halved along breadth-first orders of the coupled links.

    Each order begins at the end of another one, so that it runs along the longer side of what is halved (the levels
    of George and Liu, Computer Solution of Large Sparse Positive Definite Systems, 1981).
    """
    links = len(coupled.start) - 1

    def along(part: np.ndarray) -> np.ndarray:
        first = _breadth_first(coupled, np.sort(part), links)
        return _breadth_first(coupled, np.concatenate([first[-1:], np.sort(part)]), links)

    return _bisected(links, tiles, along)


def surrounded(coupled: Neighbours, inner: np.ndarray, hops: int = HOPS) -> np.ndarray:
    """The halo of a tile: links [h], rising, that so many steps between neighbours reach from its own ones."""
    known = np.zeros(len(coupled.start) - 1, dtype=bool)
    known[inner] = True
    edge, found = inner, np.empty(0, dtype=np.int64)
    for _ in range(hops):
        near = np.unique(coupled.of(edge))
        edge = near[~known[near]]
        known[edge] = True
        found = np.concatenate([found, edge])
    return np.sort(found)


def _bisected(links: int, tiles: int, along: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Halve by orders until there are so many parts, whose sizes differ by a link or two at most."""
    owner = np.zeros(links, dtype=np.int32)
    parts = [(np.arange(links), 0, tiles)]
    while parts:
        part, first, count = parts.pop()
        if count == 1:
            owner[part] = first
            continue
        left = count // 2
        order, size = along(part), len(part) * left // count
        parts += [(order[:size], first, left), (order[size:], first + left, count - left)]
    return owner


def _breadth_first(coupled: Neighbours, begin: np.ndarray, links: int) -> np.ndarray:
    """All links of `begin` in breadth-first order: from its first one on, then from the next one that is left."""
    left = np.zeros(links, dtype=bool)
    left[begin] = True
    order: list[np.ndarray] = []
    for link in begin:
        if not left[link]:
            continue
        level = np.array([link])
        while level.size:
            left[level] = False
            order.append(level)
            near = coupled.of(level)
            near, place = np.unique(near[left[near]], return_index=True)
            level = near[np.argsort(place)]  # as their neighbours came
    return np.concatenate(order)
