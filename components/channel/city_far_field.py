"""Mean gains of far transmitters, summed by the cells of a grid: the far field of a city.

A cell is cut into smaller squares. Of a distant square only the number and the centre of its transmitters count.
Positions in metres; K links, S squares, C cells.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from components.channel.path_loss import CLAMP_M

_PER_SQUARE = 24
"""Transmitters per square, about."""
_DISTANT = 2.5
"""Sides of a square from which on its centre stands for all of its transmitters: the sum is then off by about 2 %."""


class Grid(NamedTuple):
    """Transmitters by cells, and by squares within them."""

    cells: int
    cell: np.ndarray  # int64 [K]: the cell of each transmitter
    side_m: float  # of a square
    start: np.ndarray  # int64 [S + 1]: a square's transmitters among `positions`
    positions: np.ndarray  # [K, 2], square by square
    centre: np.ndarray  # [S, 2]: mean position of a square's transmitters
    cell_of: np.ndarray  # int64 [S]


def grid_of(transmitters: np.ndarray, area_m: float, cells: int) -> Grid:
    """A grid of at most `cells` square cells over transmitters [K, 2] in a square of `area_m`."""
    links = len(transmitters)
    across = max(1, min(int(cells**0.5), int((links / 8) ** 0.5)))
    parts = max(1, round((links / across**2 / _PER_SQUARE) ** 0.5))
    squares = across * parts
    side_m = area_m / squares
    column, row = np.clip((transmitters / side_m).astype(np.int64), 0, squares - 1).T
    square = row * squares + column
    order = np.argsort(square, kind="stable")
    count = np.bincount(square, minlength=squares**2)
    start = np.concatenate([[0], np.cumsum(count)])
    sums = [np.bincount(square, axis, minlength=squares**2) for axis in transmitters.T]
    centre = np.stack(sums, axis=-1) / np.maximum(count, 1)[:, None]
    numbers = np.arange(squares**2)
    cell_of = numbers // squares // parts * across + numbers % squares // parts
    return Grid(across**2, cell_of[square], side_m, start, transmitters[order], centre, cell_of)


def add_mean_gains(
    receivers: np.ndarray, reach_m: np.ndarray, grid: Grid, at_1m: float, breakpoint_m: float, far: np.ndarray
) -> None:
    """Add to `far` [k, C] the path gains of all transmitters farther than `reach_m` [k] from receivers [k, 2].

    at_1m: linear gain at 1 m; the slopes are those of `TwoSlopes`.
    """
    _add(
        receivers, reach_m, grid.start, grid.positions, grid.centre, grid.cell_of, _DISTANT * grid.side_m, at_1m,
        breakpoint_m, CLAMP_M, far,
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _add(
    receivers: np.ndarray,
    reach_m: np.ndarray,
    start: np.ndarray,
    positions: np.ndarray,
    centre: np.ndarray,
    cell_of: np.ndarray,
    distant_m: float,
    at_1m: float,
    breakpoint_m: float,
    clamp_m: float,
    far: np.ndarray,
) -> None:
    knee, nearest = breakpoint_m**2, clamp_m**2
    for k in range(receivers.shape[0]):
        x, y, reach = receivers[k, 0], receivers[k, 1], reach_m[k]
        # Transmitters stray from their square's centre by less than `distant_m`, for it is more than a diagonal.
        whole, none = (reach + distant_m) ** 2, max(reach - distant_m, 0.0) ** 2
        for square in range(cell_of.shape[0]):
            count = start[square + 1] - start[square]
            if count == 0:
                continue
            squared = (centre[square, 0] - x) ** 2 + (centre[square, 1] - y) ** 2
            if squared < none:
                continue
            total = 0.0
            if squared > whole:
                total = count / squared * min(1.0, knee / squared)
            else:
                for j in range(start[square], start[square + 1]):
                    apart = (positions[j, 0] - x) ** 2 + (positions[j, 1] - y) ** 2
                    if apart > reach**2:
                        apart = max(apart, nearest)
                        total += 1.0 / apart * min(1.0, knee / apart)
            far[k, cell_of[square]] += at_1m * total
