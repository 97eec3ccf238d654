"""The networks that a tile is solved as: what lies outside is noise, and costs what it loses.

Powers outside stay as they are. What free links hear of them is noise: gains are counted in units of it. Receivers of
the ring are links that disturb nobody, so that their power stays at its largest; their own gain is that at their power.
What free transmitters cost receivers beyond the ring is the loss of one more such link, which hears the cells of the
far field in proportion to their prices.
Shapes: K links of the network, n of the tile, f free ones, C cells.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goals import Objective, QoS
from gfm_ra.network import Network
from pipelines.tiles.boundary import Boundary
from pipelines.tiles.tile import Edges, Far, Tile


class Subproblem(NamedTuple):
    """A network whose first f links are the free ones of a tile."""

    network: SparseNetwork
    weights: np.ndarray | None  # float64, one per link of the network
    power: np.ndarray  # float32, where its links begin


def opening(tile: Tile, told: Boundary) -> Subproblem:
    """The free links alone."""
    kept = np.arange(tile.free)
    noise = _noise(tile, told)[kept]
    far = {} if tile.far is None else {"cell": tile.far.cell, "far_gain": _far_gain(tile.far, kept, noise)}
    network = _network(tile, kept, tile.own[kept] / noise, noise, far)
    weights = None if tile.weights is None else tile.weights[kept]
    return Subproblem(network, weights, told.power[tile.links[kept]])


def continued(tile: Tile, told: Boundary, plain: Objective) -> Subproblem:
    """The free links, what they cost the receivers of the ring, and what they cost those beyond it.

    plain: the goal without weights.
    """
    power = told.power[tile.links].astype(np.float64)
    fixed = np.arange(len(power)) >= tile.free
    kept = np.flatnonzero(~fixed | (power * tile.own > 0))  # who has no signal has nothing to lose
    noise = _noise(tile, told)[kept]
    own = tile.own[kept] * np.where(fixed[kept], power[kept], 1.0) / noise
    weights = np.ones(len(kept)) if tile.weights is None else tile.weights[kept]
    begin = np.where(fixed[kept], 1.0, power[kept])
    if tile.far is None:
        network = _network(tile, kept, own, noise, {})
        return Subproblem(network, weights, begin.astype(np.float32))
    far_gain = _far_gain(tile.far, kept, noise)
    heard, level, unit = _prices(tile, tile.far, told)
    if unit > 0.0:
        gain, weight = _witness(plain, level, unit)
        own, weights, begin = np.append(own, gain), np.append(weights, weight), np.append(begin, 1.0)
        far_gain = np.vstack([far_gain, heard.astype(np.float32)])
    # Links that are fixed stand in a cell of their own, which nobody hears.
    cell = np.full(len(own), far_gain.shape[1], dtype=np.int32)
    cell[: tile.free] = tile.far.cell
    far = {"cell": cell, "far_gain": np.pad(far_gain, ((0, 0), (0, 1)))}
    return Subproblem(_network(tile, kept, own, noise, far), weights, begin.astype(np.float32))


def _noise(tile: Tile, told: Boundary) -> np.ndarray:
    """Noise and what arrives from outside at every link of the tile, float64 [n]."""
    heard = tile.outside.gain.astype(np.float64) * told.power[tile.outside.transmitter]
    noise = 1.0 + np.bincount(tile.outside.receiver, heard, minlength=len(tile.links))
    if tile.far is None:
        return noise
    free = told.power[tile.links[: tile.free]].astype(np.float64)
    own = np.bincount(tile.far.cell, free, minlength=len(told.cell_power))
    others = np.maximum(told.cell_power - own, 0.0) / tile.far.transmitters
    return noise + tile.far.gain @ others


def _far_gain(far: Far, kept: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Far field of the links kept, in units of their noise, of the free transmitters of each cell alone."""
    share = np.bincount(far.cell, minlength=far.gain.shape[1]) / far.transmitters  # [C]
    return (far.gain[kept] / noise[:, None] * share).astype(np.float32)


def _prices(tile: Tile, far: Far, told: Boundary) -> tuple[np.ndarray, float, float]:
    """What receivers beyond the ring lose, as interference of one link: by cell [C] at full power; now; its unit."""
    listed = told.harm[tile.links] @ far.gain / far.transmitters
    price = np.maximum(told.cell_price - listed, 0.0)  # [C], per transmitter
    count = np.bincount(far.cell, minlength=len(price))
    unit = float(price @ count)
    if unit <= 0.0:
        return price, 0.0, 0.0
    active = np.bincount(
        far.cell, told.power[tile.links[: tile.free]].astype(np.float64), minlength=len(price)
    )
    return price * count / unit, float(price @ active) / unit, unit


def _witness(plain: Objective, level: float, unit: float) -> tuple[float, float]:
    """Own gain and weight of a link that loses `unit` of utility per unit of interference, at this level of it."""
    rate = max(1.0, 2.0 * plain.min_rate) if isinstance(plain, QoS) else 1.0
    ratio = 2.0**rate - 1.0
    by_rate = float(np.asarray(plain.slope(np.array([rate])))[0])
    weight = unit * np.log(2.0) * (1.0 + level) * (1.0 + ratio) / (ratio * by_rate)
    return ratio * (1.0 + level), float(weight)


def _network(
    tile: Tile, kept: np.ndarray, own: np.ndarray, noise: np.ndarray, far: dict[str, np.ndarray]
) -> SparseNetwork:
    """A network of the links kept; own: own gains, theirs first. Gains from free transmitters are divided by noise."""
    links, kind = len(own), tile.own.dtype
    place = np.full(len(tile.links), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    edges: Edges = tile.inside
    receiver = place[edges.receiver]
    there = receiver >= 0
    receiver = receiver[there]
    gain = (edges.gain[there] / noise[receiver]).astype(kind)
    everyone = np.arange(links)
    return Network.from_edges(
        links,
        np.concatenate([everyone, receiver]),
        np.concatenate([everyone, edges.transmitter[there].astype(np.int64)]),
        np.concatenate([own.astype(kind), gain]),
        **far,
    )
