"""City-size networks: the laws of the scenarios in memory that grows with the number of links, not with its square.

Shadowing and fading of a pair are keyed by its two links, so that the matrix of a small city and the listed gains of
the same city agree entry by entry. Positions in metres; K links, n candidates, C cells; row = receiver.
"""

from typing import Any, NamedTuple

import numpy as np

from components.channel.city_far_field import Grid, add_mean_gains, grid_of
from components.channel.path_loss import CLAMP_M, path_loss
from components.channel.placement import LAYOUT_REDRAWS, RECEIVER_REDRAWS
from components.channel.rng import stream
from components.channel.scenario import Scenario
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.network import Network
from gfm_ra.units import NEPERS_PER_DB, db_to_linear

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_TWICE_GOLDEN = np.uint64(0x3C6EF372FE94F82A)
_LEAST_FADING = 2.0**-30
_CHUNK_PAIRS = 1 << 21
"""Pairs that are worked on together: what bounds the memory."""


class City(NamedTuple):
    """Where the links of a large network stand, and the key of its shadowing and fading."""

    scenario: Scenario
    transmitters: np.ndarray  # [K, 2]
    receivers: np.ndarray  # [K, 2]
    key: np.uint64


def draw_city(scenario: Scenario, seed: int) -> City:
    """A city of a scenario: the law of `components.channel.placement.place`, by a k-d tree in O(K) memory.

    Raises ValueError where no layout is found in as many draws per link as there.
    """
    generator = stream(seed, "city", scenario.name)
    key = np.uint64(generator.integers(2**63))
    transmitters = scenario.area_m * generator.random((scenario.links, 2))
    receivers = np.empty_like(transmitters)
    missing = np.arange(scenario.links)
    for _ in range(LAYOUT_REDRAWS // RECEIVER_REDRAWS):
        tree = _tree(transmitters)
        missing = _draw_receivers(scenario, generator, tree, transmitters, receivers, missing)
        if not missing.size:
            return City(scenario, transmitters, receivers, key)
        # As in the dense simulator, a transmitter moves that no receiver was found for, and receivers to which it now
        # is the nearest are drawn again.
        transmitters[missing] = scenario.area_m * generator.random((missing.size, 2))
        nearest = _tree(transmitters).query(receivers)[1]
        stolen = nearest != np.arange(scenario.links)
        stolen[missing] = True
        missing = np.flatnonzero(stolen)
    raise ValueError(
        f"city {scenario.name!r}: no admissible layout of {scenario.links} links found in {LAYOUT_REDRAWS} draws per "
        "link: use fewer links, a larger area_m or a smaller min_distance_m"
    )


def city_scenario(links: int, links_per_km2: float = 80.0, **changes: Any) -> Scenario:  # noqa: ANN401 (of any field)
    """The scenario of a city: links 1 to 100 m long at a density, in a square that fits them.

    changes: other fields of `Scenario`.
    """
    side_m = 1000.0 * (links / links_per_km2) ** 0.5
    fields = {"min_distance_m": 1.0, "max_distance_m": 100.0, "area_m": side_m} | changes
    return Scenario("city", links, **fields)


def dense_gain(city: City) -> np.ndarray:
    """All gains of a city as a matrix, float32 [K, K], linear."""
    links = city.scenario.links
    everyone = np.arange(links)
    gain = np.empty((links, links), dtype=np.float32)
    for rows in _chunks(links, links):
        gain[rows] = _gain(city, everyone[rows, None], everyone[None, :])
    return gain


def sparse_network(city: City, strongest: int = 40, candidates: int = 320, cells: int = 64) -> SparseNetwork:
    """A city of listed gains: of each receiver's nearest `candidates` transmitters the `strongest` and its own.

    What is not listed enters the far field in at most `cells` cells: candidates with their own gains, farther
    transmitters with the mean of shadowing and fading. Where all transmitters are candidates, the far field is exact
    and has the largest gain of every sum.
    Raises ValueError for counts below 1.
    """
    if min(strongest, candidates, cells) < 1:
        raise ValueError(
            f"city: strongest, candidates and cells must be at least 1, got {strongest}, {candidates} and {cells}"
        )
    links = city.scenario.links
    candidates = min(candidates, links)
    grid = grid_of(city.transmitters, city.scenario.area_m, cells)
    far = np.zeros((links, grid.cells), dtype=np.float64)
    largest = np.zeros((links, grid.cells), dtype=np.float32)
    tree = _tree(city.transmitters)
    edges = [
        _listed(city, tree, rows, strongest, candidates, grid, far, largest)
        for rows in _chunks(links, candidates)
    ]
    receiver, transmitter, gain = (np.concatenate(parts) for parts in zip(*edges, strict=True))
    known = candidates == links
    return Network.from_edges(
        links,
        receiver,
        transmitter,
        gain,
        cell=grid.cell,
        far_gain=far.astype(np.float32),
        far_largest=largest if known else None,
    )


def _listed(
    city: City,
    tree: Any,  # noqa: ANN401 (scipy has no types here)
    rows: slice,
    strongest: int,
    candidates: int,
    grid: Grid,
    far: np.ndarray,
    largest: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Listed edges of some receivers; their other gains go to rows of `far` and `largest`, [K, C]."""
    receiver = np.arange(city.scenario.links)[rows]
    distance, other = tree.query(city.receivers[rows], candidates)
    distance, other = distance.reshape(len(receiver), -1), other.reshape(len(receiver), -1)  # [k, n]
    gain = _gain(city, receiver[:, None], other)  # [k, n]
    own = other == receiver[:, None]
    rank = np.where(own, np.float32(np.inf), gain)
    count = min(strongest + 1, candidates)
    order = np.argpartition(-rank, count - 1, axis=-1)[:, :count]
    listed = np.zeros(gain.shape, dtype=bool)
    np.put_along_axis(listed, order, True, axis=-1)
    place = (np.arange(len(receiver))[:, None] * grid.cells + grid.cell[other])[~listed]
    cut, size = gain[~listed], len(receiver) * grid.cells
    far[rows] += np.bincount(place, cut, minlength=size).reshape(len(receiver), -1)
    most = np.zeros(size, dtype=np.float32)
    np.maximum.at(most, place, cut)
    largest[rows] = most.reshape(len(receiver), -1)
    if candidates < city.scenario.links:
        slopes, mean = path_loss(city.scenario.path_loss), _mean_factor(city.scenario)
        at_1m = mean * db_to_linear(city.scenario.transmit_snr_db - slopes.loss_at_1m_db)
        add_mean_gains(city.receivers[rows], distance[:, -1], grid, at_1m, slopes.breakpoint_m, far[rows])
    return np.broadcast_to(receiver[:, None], other.shape)[listed], other[listed], gain[listed]


def _gain(city: City, receiver: np.ndarray, transmitter: np.ndarray) -> np.ndarray:
    """Linear gains float32 of pairs of links, arrays of numbers that broadcast."""
    scenario = city.scenario
    offset = city.receivers[receiver] - city.transmitters[transmitter]
    distance_m = np.maximum(np.hypot(offset[..., 0], offset[..., 1]), CLAMP_M)
    gain_db = scenario.transmit_snr_db - path_loss(scenario.path_loss).loss_db(distance_m)
    first = _mixed(city.key + _GOLDEN * (receiver.astype(np.uint64) + np.uint64(1)))
    first = _mixed(first + _GOLDEN * (transmitter.astype(np.uint64) + np.uint64(1)))
    if scenario.shadowing_db > 0.0:
        # Box and Muller: a normal number of two uniform ones.
        radius = np.sqrt(-2.0 * np.log(_uniform(first)))
        gain_db = gain_db + scenario.shadowing_db * radius * np.cos(
            2.0 * np.pi * _uniform(_mixed(first + _GOLDEN))
        )
    gain = db_to_linear(gain_db)
    if scenario.fading == "rayleigh":
        gain = gain * np.maximum(-np.log(_uniform(_mixed(first + _TWICE_GOLDEN))), _LEAST_FADING)
    return gain.astype(np.float32)


def _mean_factor(scenario: Scenario) -> float:
    """Mean of shadowing times fading: exp(s^2 / 2) of a log-normal with s nepers."""
    return float(np.exp((NEPERS_PER_DB * scenario.shadowing_db) ** 2 / 2.0))


def _mixed(state: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014); uint64 wraps around."""
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def _uniform(bits: np.ndarray) -> np.ndarray:
    """Uniform in (0, 1)."""
    return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def _draw_receivers(
    scenario: Scenario,
    generator: np.random.Generator,
    tree: Any,  # noqa: ANN401
    transmitters: np.ndarray,
    receivers: np.ndarray,
    missing: np.ndarray,
) -> np.ndarray:
    """Draw receivers of the links that miss one, as often as is allowed; returns the links that still do."""
    low, high, side = scenario.min_distance_m, scenario.max_distance_m, scenario.area_m
    for _ in range(RECEIVER_REDRAWS):
        if not missing.size:
            break
        distance = generator.uniform(low, high, missing.size)
        angle = generator.uniform(0.0, 2.0 * np.pi, missing.size)
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        drawn = transmitters[missing] + distance[:, None] * direction
        inside = ((drawn >= 0.0) & (drawn <= side)).all(-1)
        found = inside & (tree.query(drawn)[1] == missing)
        receivers[missing[found]] = drawn[found]
        missing = missing[~found]
    return missing


def _tree(positions: np.ndarray) -> Any:  # noqa: ANN401
    from scipy.spatial import KDTree  # an extra

    return KDTree(positions)


def _chunks(rows: int, width: int) -> list[slice]:
    step = max(1, _CHUNK_PAIRS // width)
    return [slice(begin, min(begin + step, rows)) for begin in range(0, rows, step)]
