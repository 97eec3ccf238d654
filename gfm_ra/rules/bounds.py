"""Limits of a network and hard rules as arrays: what powers of B networks, F bands and K links are between."""

from dataclasses import dataclass, fields

import numpy as np

NOTHING = 1e-12
"""Powers up to here, parts of full power, are rounding."""


@dataclass(frozen=True)
class PowerBounds:
    """Bounds of powers [B, F, K]; F is 1 where there are no bands."""

    low: np.ndarray
    """[B, F, K]: least powers."""
    high: np.ndarray
    """[B, F, K]: largest powers."""
    low_total: np.ndarray
    """[B, K]: least sums over bands."""
    high_total: np.ndarray
    """[B, K]: largest sums over bands."""
    group: np.ndarray
    """[G, K] bool: links of each group."""
    group_total: np.ndarray
    """[B, G]: largest sums over a group's links and bands."""
    cell: np.ndarray
    """[C, K] bool: links of each cell that is never silent."""
    cell_least: np.ndarray
    """[B, C]: least sums over a cell's links and bands."""
    gain: np.ndarray
    """[B, R, F, K]: linear gain of each transmitter to each protected receiver."""
    cap: np.ndarray
    """[B, R]: largest sums of gain times power."""
    sharing: np.ndarray
    """[S, K] bool: links of which at most one has power in each band."""
    least: np.ndarray
    """[B, F, K]: some powers that obey everything, as small as a simple search finds them."""
    open: np.ndarray
    """[B, F, K] bool: where those may have power under orthogonal sharing."""

    def __len__(self) -> int:
        """B."""
        return len(self.low)

    def rows(self, chosen: np.ndarray | slice) -> "PowerBounds":
        """The bounds of some of the networks."""
        return PowerBounds(**{
            each.name: getattr(self, each.name)
            if each.name in ("group", "cell", "sharing")
            else getattr(self, each.name)[chosen]
            for each in fields(self)
        })  # fmt: skip


def sums_over(members: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Sums over the links and bands of sets of links, [B, N]: members [N, K] bool, power [B, F, K]."""
    return power.sum(-2) @ members.T.astype(power.dtype)


def interference(power: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """I/N at each protected receiver, linear [B, R], of powers [B, F, K]."""
    count, receivers = bounds.cap.shape
    size = power.shape[-2] * power.shape[-1]
    return np.matmul(bounds.gain.reshape(count, receivers, size), power.reshape(count, size, 1))[..., 0]
