"""Tiles as Ray tasks: one that is lost with its node is run again elsewhere, and answers the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import ray
from ray.exceptions import RayError, RayTaskError

from pipelines.cluster.session import session
from pipelines.cluster.visibility import check_visible
from pipelines.runtime.errors import UserError, one_line
from pipelines.tiles.boundary import Boundary
from pipelines.tiles.rounds import Question, Run, solve_tile
from pipelines.tiles.tile import Tile

TRIES = 10
"""How often a tile is begun before its losses are somebody's to look at."""


@contextmanager
def tiles_on_ray(tiles: Sequence[Tile], question: Question) -> Iterator[Run]:
    """What answers rounds of these tiles on the cluster at RAY_ADDRESS, or on this machine without one.

    The tiles stay in the cluster's memory for the time of the block. A task takes one CPU.

    Raises:
        UserError: there is no cluster, a node does not see the folder of the weights, or a tile fails or is lost again
            and again.
    """
    with session():
        if question.model is not None and Path(question.model).is_dir():
            check_visible([Path(question.model)])
        task = ray.remote(solve_tile).options(num_cpus=1, max_retries=TRIES)
        held = [ray.put(tile) for tile in tiles]

        def run(number: int, told: Boundary) -> list[np.ndarray]:
            shared = ray.put(told)
            return [
                _answer(tile, reference)
                for tile, reference in enumerate(
                    [task.remote(tile, shared, number, question) for tile in held]
                )
            ]

        yield run


def _answer(tile: int, reference: "ray.ObjectRef[np.ndarray]") -> np.ndarray:
    try:
        return ray.get(reference)
    except RayTaskError as error:
        raise UserError(f"tile {tile} failed: {one_line(error)}") from None
    except RayError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"tile {tile} was lost {TRIES + 1} times ({reason}): use smaller tiles, or nodes with more memory"
        ) from None
