"""Rounds of tiles until the utility settles; what a tile answers depends on the round and on the powers before it.

Shapes: K links. Neither the order in which tiles are answered nor where changes anything.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goals import Objective, Weighted
from gfm_ra.inference.comparison import REFINEMENT_ITERATIONS, Effort
from gfm_ra.loading import load
from gfm_ra.solvers.inputs import compiled_form
from gfm_ra.solvers.proofs.certificate import scale_of
from gfm_ra.solvers.sparse import Answer, best_of
from gfm_ra.solvers.sparse_binding import Solver
from pipelines.tiles.boundary import Boundary, boundary
from pipelines.tiles.subproblem import Subproblem, continued, opening
from pipelines.tiles.tile import Tile

MOST_ROUNDS = 8
SETTLED = 1e-4
"""Change of the utility, in the unit of `scale_of`, from which on another round is not worth it."""
_FIRST_POWER = 0.1
"""What tiles take for the powers outside before anybody has answered: answers to cities have means from 0.05 to 0.12,
and a tile that reckons with more interference than there is sends too much itself."""


class Question(NamedTuple):
    """What is asked of every tile."""

    goal: Objective  # without weights, which tiles hold
    effort: Effort
    seed: int
    model: str | None  # weights by name or folder; None: the newest of the package


class Round(NamedTuple):
    """What came out of a round."""

    number: int  # from 0
    utility: float
    change: float  # of the utility since the round before, in the unit of `scale_of`; infinite at first


Run = Callable[[int, Boundary], Sequence[np.ndarray]]
"""Answers of all tiles, by their numbers, to a round and the powers before it."""


class Settled(NamedTuple):
    """The best powers that any round came to."""

    answer: Answer
    rounds: list[Round]


def solve_tile(tile: Tile, told: Boundary, number: int, question: Question) -> np.ndarray:
    """Powers float32 of a tile's own links in a round.

    Round 0 is an answer of the asked effort to the free links, later ones are WMMSE iterations from the powers before.
    """
    if tile.weights is not None and not tile.weights[: tile.inner].any():
        return np.zeros(tile.inner, dtype=np.float32)  # what is worth nothing only disturbs
    if number == 0:
        asked = opening(tile, told)
        answer = _allocator(question.model).allocate(
            asked.network,
            goal=_goal(question.goal, asked),
            effort=question.effort,
            seed=question.seed,
            first_index=tile.number,
            threads=1,
        )
        return answer.power[: tile.inner]
    asked = continued(tile, told, question.goal)
    form = compiled_form(_goal(question.goal, asked), 1, asked.network.links, "allocate")
    found = Solver(asked.network).starts(
        form, 0, 1, REFINEMENT_ITERATIONS, 0, question.seed, given=asked.power[None]
    )
    return found[0, : tile.inner]


def settle(
    network: SparseNetwork,
    goal: Objective,
    tiles: Sequence[Tile],
    run: Run,
    tell: Callable[[Round], None] = lambda _: None,
) -> Settled:
    """Rounds until the utility changes by less than `SETTLED`, at most `MOST_ROUNDS`; one tile takes one.

    goal: with its weights. run: answers a round. tell: is told of each.
    """
    solver = Solver(network)
    rounds: list[Round] = []
    found: list[np.ndarray] = []
    power = np.full(network.links, _FIRST_POWER, dtype=np.float32)
    rate = solver.rates(power)
    for number in range(MOST_ROUNDS if len(tiles) > 1 else 1):
        told = boundary(network, power, rate, goal)
        power = _together(tiles, run(number, told), network.links)
        rate = solver.rates(power)
        found.append(power)
        utility = np.asarray(goal.utility(rate))
        before = rounds[-1].utility if rounds else -np.inf
        scale = float(np.max(scale_of(goal, utility, network.links)))
        change = float((utility - before) / scale)
        rounds.append(Round(number, float(utility), change))
        tell(rounds[-1])
        if abs(change) < SETTLED:
            break
    return Settled(best_of(solver, found, goal), rounds)


def _together(tiles: Sequence[Tile], answers: Sequence[np.ndarray], links: int) -> np.ndarray:
    power = np.empty(links, dtype=np.float32)
    for tile, answer in zip(tiles, answers, strict=True):
        power[tile.links[: tile.inner]] = answer
    return power


def _goal(plain: Objective, asked: Subproblem) -> Objective:
    return plain if asked.weights is None else Weighted(plain, asked.weights)


@lru_cache(maxsize=1)
def _allocator(model: str | None) -> Allocator:
    return load(model)
