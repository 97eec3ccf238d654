"""The far field of a sparse network: what receivers get from all transmitters whose gains are not listed.

Transmitters stand in cells. A receiver knows of each cell how much its unlisted transmitters add up to at full power,
and counts that sum at the mean power of all transmitters of the cell. Shapes: K links, C cells.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.units import LARGEST_GAIN


class FarField(NamedTuple):
    """Sums of unlisted gains, in units of noise at full power."""

    cell: np.ndarray  # int32 [K]: where each transmitter stands
    gain: np.ndarray  # float32 [K, C]: sums over the unlisted transmitters of a cell
    largest: np.ndarray | None  # float32 [K, C]: the largest of these gains, where known

    @property
    def cells(self) -> int:
        """C."""
        return self.gain.shape[1]

    def transmitters(self) -> np.ndarray:
        """Transmitters of every cell, int64 [C], at least 1."""
        return np.maximum(np.bincount(self.cell, minlength=self.cells), 1)

    def mean_power(self, power: np.ndarray) -> np.ndarray:
        """Mean of powers [K] over the transmitters of every cell, float64 [C]."""
        return np.bincount(self.cell, power, minlength=self.cells) / self.transmitters()

    def interference(self, power: np.ndarray) -> np.ndarray:
        """What powers [K] of far transmitters add up to, float64 [K]."""
        return self.gain.astype(np.float64) @ self.mean_power(power)

    def bounds(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least and most that powers [K] of far transmitters can add up to, float64 [K] each.

        The sums are taken as exact; how a cell's power is spread over its transmitters is not known. With the largest
        gain g of a cell and the sum P of its n powers, at most g P and at least (sum of gains) - g (n - P) arrives.
        """
        total = self.gain.astype(np.float64)
        if self.largest is None:
            return np.zeros(len(total)), total.sum(-1)
        silent = np.bincount(self.cell, 1.0 - np.asarray(power, np.float64), minlength=self.cells)  # n - P
        active = np.bincount(self.cell, power, minlength=self.cells)  # P
        largest = self.largest.astype(np.float64)
        least = np.maximum(total - largest * silent, 0.0).sum(-1)
        return least, np.minimum(total, largest * active).sum(-1)


def far_field(cell: object, far_gain: object, far_largest: object, links: int) -> FarField | None:
    """A far field of what was given, checked; None where nothing was.

    cell: whole numbers [K]; far_gain: [K, C], at least 0; far_largest: [K, C] or None.
    Raises ValueError for parts that are missing, do not fit or are out of range.
    """
    if cell is None and far_gain is None and far_largest is None:
        return None
    if cell is None or far_gain is None:
        raise ValueError("network: a far field needs both cell [K] and far_gain [K, C]")
    gain = _sums("far_gain", far_gain, links)
    cells = np.asarray(cell)
    if cells.shape != (links,) or cells.dtype.kind not in "iu":
        raise ValueError(
            f"network: cell must be whole numbers {[links]}, one per transmitter, got {cells.dtype} {list(cells.shape)}"
        )
    outside = (cells < 0) | (cells >= gain.shape[1])
    if outside.any():
        link = int(np.argmax(outside))
        raise ValueError(
            f"network: cell[{link}] is {cells[link]}: far_gain has cells 0 to {gain.shape[1] - 1}"
        )
    empty = (np.bincount(cells, minlength=gain.shape[1]) == 0) & (gain > 0).any(0)
    if empty.any():
        raise ValueError(
            f"network: far_gain has gains of cell {int(np.argmax(empty))}, in which no transmitter stands"
        )
    largest = None
    if far_largest is not None:
        largest = _sums("far_largest", far_largest, links)
        if largest.shape != gain.shape or (largest > gain * np.float32(1 + 1e-5)).any():
            raise ValueError(
                f"network: far_largest must be {list(gain.shape)} like far_gain, and nowhere above it"
            )
    return FarField(cells.astype(np.int32), gain, largest)


def _sums(name: str, given: object, links: int) -> np.ndarray:
    values = np.asarray(given)
    if values.dtype.kind not in "fiu" or values.ndim != 2 or len(values) != links or values.shape[1] == 0:
        raise ValueError(
            f"network: {name} must be real numbers [{links}, C], got {values.dtype} {list(values.shape)}"
        )
    wrong = ~((values >= 0) & (values <= LARGEST_GAIN))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"network: {name}[{row}, {column}] is {values[row, column]:g}: sums of linear gains are from 0 to "
            f"{LARGEST_GAIN:g}"
        )
    return np.ascontiguousarray(values, dtype=np.float32)
