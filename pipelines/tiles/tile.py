"""A tile: links that are solved together, what they hear of all others, and whom they disturb.

Its links are, in this order: its own ones, whose powers it answers; the halo, solved with them and then forgotten; the
ring, receivers that hear one of these, whose powers stay as they are. Own ones and halo are the free links.
Shapes: K links of the network, n of the tile, f free ones, C cells of the far field.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.gains.sparse_network import SparseNetwork
from pipelines.tiles.cut import Neighbours, entries, surrounded


class Edges(NamedTuple):
    """Gains at receivers of a tile."""

    receiver: np.ndarray  # int32 [e], number in the tile
    transmitter: np.ndarray  # int32 [e]
    gain: np.ndarray  # [e], linear


class Far(NamedTuple):
    """What the links of a tile get from the far field of the whole network."""

    gain: np.ndarray  # float32 [n, C]: sums over the unlisted transmitters of a cell
    cell: np.ndarray  # int32 [f]: where the free transmitters stand
    transmitters: np.ndarray  # int64 [C]: of each cell, in the whole network


class Tile(NamedTuple):
    """One part of a network: all that its answers depend on but the powers of the others."""

    number: int
    links: np.ndarray  # int64 [n]: numbers in the network
    inner: int  # how many are its own
    free: int  # how many are its own or of the halo
    own: np.ndarray  # [n]: own gains
    inside: Edges  # from free transmitters, by their number in the tile
    outside: Edges  # from all other listed transmitters, by their number in the network
    far: Far | None
    weights: np.ndarray | None  # float64 [n]


def tiles_of(
    network: SparseNetwork, owner: np.ndarray, coupled: Neighbours, weights: np.ndarray | None = None
) -> list[Tile]:
    """The tiles of a cut [K], by their numbers. weights: [K], of the links' benefits."""
    order = np.argsort(owner, kind="stable")
    ends = np.cumsum(np.bincount(owner))
    parts = np.split(order, ends[:-1])
    return [
        _tile(network, number, inner, surrounded(coupled, inner), weights)
        for number, inner in enumerate(parts)
    ]


def _tile(
    network: SparseNetwork, number: int, inner: np.ndarray, halo: np.ndarray, weights: np.ndarray | None
) -> Tile:
    solved = np.concatenate([inner, halo])
    free = np.zeros(network.links, dtype=bool)
    free[solved] = True
    columns, rows = network.by_transmitter, network.by_receiver
    disturbed = np.unique(columns.other[entries(columns.start, solved)])
    links = np.concatenate([solved, disturbed[~free[disturbed]]])
    place = np.zeros(network.links, dtype=np.int32)
    place[links] = np.arange(len(links), dtype=np.int32)
    listed = entries(rows.start, links)
    receiver = np.repeat(np.arange(len(links), dtype=np.int32), rows.start[links + 1] - rows.start[links])
    other, gain = rows.other[listed], rows.gain[listed]
    near = free[other]
    inside = Edges(receiver[near], place[other[near]], gain[near])
    outside = Edges(receiver[~near], other[~near], gain[~near])
    far = None
    if network.far is not None:
        field = network.far
        far = Far(field.gain[links], field.cell[solved], field.transmitters())
    own_weights = None if weights is None else np.asarray(weights, np.float64)[links]
    return Tile(number, links, len(inner), len(solved), network.own[links], inside, outside, far, own_weights)
