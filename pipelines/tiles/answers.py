"""The answer to one sparse network by tiles, as `Allocator.allocate` gives it in one process."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goal_family import is_ours, numbers_of
from gfm_ra.goals import Objective, Weighted
from gfm_ra.inference.allocation import Allocation, missed
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.whole_numbers import whole
from pipelines.tiles.cut import Neighbours, by_couplings, by_positions, neighbours
from pipelines.tiles.on_ray import tiles_on_ray
from pipelines.tiles.rounds import SETTLED, Question, Round, Settled, settle
from pipelines.tiles.tile import Tile, tiles_of

TILE_LINKS = 2500
"""Links of a tile, without its halo."""


class Plan(NamedTuple):
    """A network that is cut."""

    tiles: list[Tile]
    largest: int  # own links of the largest tile
    solved: float  # links that are solved, halos included, per link


def plan(
    network: SparseNetwork,
    goal: Objective,
    tile_links: int = TILE_LINKS,
    position_m: np.ndarray | None = None,
) -> Plan:
    """Cut a network into tiles of about `tile_links`, by positions [K, 2] or, without them, by couplings.

    Raises ValueError for tiles without links, or positions that do not fit.
    """
    size = whole("tile_links", tile_links, 1)
    count = -(-network.links // size)
    coupled = neighbours(network)
    owner = _cut(network, coupled, count, position_m)
    weights = np.asarray(goal.weights) if isinstance(goal, Weighted) else None
    tiles = tiles_of(network, owner, coupled, weights)
    solved = sum(tile.free for tile in tiles) / network.links
    return Plan(tiles, max(tile.inner for tile in tiles), solved)


def _cut(
    network: SparseNetwork, coupled: Neighbours, count: int, position_m: np.ndarray | None
) -> np.ndarray:
    if position_m is None:
        return by_couplings(coupled, count)
    placed = np.asarray(position_m)
    if placed.shape != (network.links, 2) or placed.dtype.kind not in "fiu" or not np.isfinite(placed).all():
        raise ValueError(
            f"tiles: positions must be finite numbers {[network.links, 2]}, x and y in metres, got {placed.dtype} "
            f"{list(placed.shape)}"
        )
    return by_positions(placed, count)


def by_tiles(
    allocator: Allocator,
    network: SparseNetwork,
    goal: Objective,
    effort: Effort = "balanced",
    seed: int = 0,
    model: str | None = None,
    tile_links: int = TILE_LINKS,
    position_m: np.ndarray | None = None,
    tell: Callable[[Round], None] = lambda _: None,
) -> Allocation:
    """Powers of one sparse network, answered tile by tile on Ray.

    Args:
        allocator: what `model` names, on this machine; the tasks load it again where they run.
        network, goal, effort, seed: as `Allocator.allocate` takes them; the goal one of this package, energy left out.
        model: weights by name or folder, which every node must see; None for the newest of the package.
        tile_links: links of a tile, without its halo. A network of one tile has the answer of one process.
        position_m: [K, 2], where the transmitters stand; the cut follows couplings unless given.
        tell: is told of every round.

    Raises:
        ValueError: a goal, weights, a model or positions that do not fit.
        UserError: no cluster, or a tile that fails or is lost again and again.
    """
    if not is_ours(goal) or numbers_of(goal) is None:
        raise ValueError(
            "allocate: sparse networks are answered for sum-rate, proportional-fair, alpha-fair and qos, with or "
            "without weights"
        )
    if not isinstance(allocator.network, UnrolledNetwork):
        raise ValueError("allocate: sparse networks need weights in the packaged format: load another model")
    allocator.check(goal, effort)
    cut = plan(network, goal, tile_links, position_m)
    plain = goal.objective if isinstance(goal, Weighted) else goal
    question = Question(plain, effort, whole("seed", seed, 0), model)
    with tiles_on_ray(cut.tiles, question) as run:
        found = settle(network, goal, cut.tiles, run, tell)
    power, rate, _ = found.answer
    return Allocation(
        power,
        rate,
        np.asarray(goal.utility(rate)),
        np.array("tiles")[()],
        missed(rate[None], goal)[0],
        _notes(network, goal, allocator, cut, found, effort),
        network.transmit_power_w,
        goal=goal,
    )


def _notes(
    network: SparseNetwork, goal: Objective, allocator: Allocator, cut: Plan, found: Settled, effort: Effort
) -> tuple[str, ...]:
    rounds, last = found.rounds, abs(found.rounds[-1].change)
    tiles = f"{len(cut.tiles)} tile{'s' * (len(cut.tiles) > 1)} of at most {cut.largest} links"
    lines = [
        f"{tiles}, with halos {cut.solved:.2f} times as many; {len(rounds)} round{'s' * (len(rounds) > 1)}"
    ]
    if len(rounds) > 1:
        settled = "settled" if last < SETTLED else "not settled"
        lines.append(f"{settled}: the last round changed the utility by {last:.1e}, in the unit of gaps")
    beyond = allocator.remarks(goal, effort).beyond
    if beyond:
        lines.append(f"extrapolated: {', '.join(beyond)}; WMMSE and full power were compared in every tile")
    if network.far is not None:
        least, most = (float(goal.utility(rates).sum()) for rates in network.rate_bounds(found.answer.power))
        lines.append(
            f"far field: however powers are spread within its {network.far.cells} cells, the utility is between "
            f"{least:.6g} and {most:.6g}"
        )
    return tuple(lines)
