"""Cellular layouts: hexagonal clusters that wrap around, and which users a cell serves.

Shapes: N networks, U users, S sites, C cells (sectors of sites), K links. Lengths in metres.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from benchmarks.worlds.families.laws import fading_db

_TRIES = 100
_PART = 20  # networks whose users are drawn together: what bounds the memory

Paths = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""Count and generator -> path gain without fading in dB and K factor of users that ask for service, [N, U, C]."""


class Cluster(NamedTuple):
    """A cluster of 1 + 3 r (r + 1) hexagonal cells."""

    rings: int
    spacing_m: float  # between sites

    def sites(self) -> np.ndarray:
        """Positions [S, 2], the middle one first."""
        span = range(-self.rings, self.rings + 1)
        axial = [(i, j) for i in span for j in span if abs(i + j) <= self.rings]
        axial.sort(key=lambda place: max(abs(place[0]), abs(place[1]), abs(sum(place))))
        return self._places(np.array(axial))

    def images(self) -> np.ndarray:
        """Shifts [7, 2] by which the cluster repeats itself without gaps: none, and six of equal length."""
        i, j = self.rings + 1, self.rings
        shifts = [(0, 0)]
        for _ in range(6):
            shifts.append((i, j))
            i, j = -j, i + j  # a turn by 60 degrees
        return self._places(np.array(shifts))

    def users(
        self, count: int, per_site: int, nearest_m: float, generator: np.random.Generator
    ) -> np.ndarray:
        """Users uniform in the cells, at least `nearest_m` from the site, [N, U, 2]."""
        sites = self.sites()
        shape = (count, len(sites) * per_site)
        # A hexagon is three rhombi; each is spanned by two of its corners.
        first = np.deg2rad(30.0 + 120.0 * generator.integers(3, size=shape))
        along, across = generator.random(shape), generator.random(shape)
        second, radius_m = first + np.deg2rad(120.0), self.spacing_m / np.sqrt(3.0)
        x = radius_m * (along * np.cos(first) + across * np.cos(second))
        y = radius_m * (along * np.sin(first) + across * np.sin(second))
        away = np.maximum(nearest_m / np.maximum(np.hypot(x, y), 1e-6), 1.0)
        offset = np.stack([x * away, y * away], axis=-1)
        return np.repeat(sites, per_site, axis=0) + offset

    def offsets(self, users: np.ndarray) -> np.ndarray:
        """From the nearest image of each site to each user, [N, U, S, 2]."""
        direct = users[:, :, None] - self.sites()  # [N, U, S, 2]
        best = direct.copy()
        for shift in self.images()[1:]:
            other = direct - shift
            nearer = np.hypot(other[..., 0], other[..., 1]) < np.hypot(best[..., 0], best[..., 1])
            best[nearer] = other[nearer]
        return best

    def _places(self, axial: np.ndarray) -> np.ndarray:
        x = self.spacing_m * (axial[:, 0] + 0.5 * axial[:, 1])
        return np.stack([x, self.spacing_m * np.sqrt(0.75) * axial[:, 1]], axis=-1)


def served(paths: Paths, per_cell: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Gains in dB from or to the cells of links, [N, K, K]: row = user of a link, column = cell of a link.

    Every user belongs to the cell with its strongest path; each cell serves the first `per_cell` of its users. Networks
    with a cell that has fewer are drawn again. Links of one cell are neighbours and have the same columns.
    """
    parts = [
        _served(paths, per_cell, min(_PART, count - begin), generator) for begin in range(0, count, _PART)
    ]
    return np.concatenate(parts)


def _served(paths: Paths, per_cell: int, count: int, generator: np.random.Generator) -> np.ndarray:
    found: list[np.ndarray] = []
    for _ in range(_TRIES):
        path_db, factor = chosen_users(*paths(count - len(found), generator), per_cell)
        found.extend(np.repeat(path_db + fading_db(factor, generator), per_cell, axis=2))
        if len(found) == count:
            return np.stack(found)
    raise RuntimeError(
        f"no network with {per_cell} users in each cell in {_TRIES} tries: draw more users per cell"
    )


def chosen_users(path_db: np.ndarray, factor: np.ndarray, per_cell: int) -> tuple[np.ndarray, np.ndarray]:
    """Of users [N, U, C] that ask for service those that are served, [M, C * P, C], cell by cell.

    Every user belongs to the cell with its strongest path; networks with a cell of fewer than `per_cell` are left out.
    """
    cells = path_db.shape[-1]
    ours = path_db.argmax(-1)[..., None] == np.arange(cells)  # [N, U, C]
    full = (ours.sum(1) >= per_cell).all(-1)
    path_db, factor, ours = path_db[full], factor[full], ours[full]
    # The users of a cell come before all others; among equals the order stays.
    chosen = np.argsort(~ours, axis=1, kind="stable")[:, :per_cell]  # [M, P, C]
    users = chosen.swapaxes(1, 2).reshape(len(ours), cells * per_cell, 1)  # [M, K, 1]
    return np.take_along_axis(path_db, users, 1), np.take_along_axis(factor, users, 1)
