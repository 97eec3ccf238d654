"""What the statistics of a kind of networks are like: a normal distribution for each number of links.

Shapes: B networks, N numbers of links, H shares of hidden gains, S statistics.
"""

from typing import NamedTuple

import numpy as np


class Gaussians(NamedTuple):
    """Means and standard deviations by number of links and share of hidden gains, correlations by number of links."""

    links: np.ndarray  # [N], increasing
    hidden: np.ndarray  # [H], shares of crossing gains that are unknown, increasing
    mean: np.ndarray  # [N, H, S]
    spread: np.ndarray  # [N, H, S], standard deviations
    whitening: np.ndarray  # [N, S, S], makes standardised statistics uncorrelated

    def squared(self, values: np.ndarray, links: int, unknown: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distances per statistic, [B], about 1 for networks of this kind.

        values [B, S] of networks of K = links; unknown [B]: share of hidden gains. Between the numbers of links and
        the shares it interpolates, beyond them the nearest ones count.
        """
        standard = (values - self.at(self.mean, links, unknown)) / self.at(self.spread, links, unknown)
        squared = np.zeros(len(values))
        for size, weight in self.sizes(links):
            squared += weight * np.square(standard @ self.whitening[size].T).mean(-1)
        return squared

    def at(self, table: np.ndarray, links: int, unknown: np.ndarray) -> np.ndarray:
        """Rows [B, X] of a table [N, H, X] for networks of K = links with shares `unknown` [B] hidden."""
        low, high, part = between(self.hidden, unknown)
        rows = np.zeros(table.shape[1:])
        for size, weight in self.sizes(links):
            rows = rows + weight * table[size]
        return rows[low] + part[:, None] * (rows[high] - rows[low])

    def sizes(self, links: int) -> list[tuple[int, float]]:
        """Positions in `links` that stand for K = links, and how much each of them counts."""
        low, high, part = between(np.log(self.links), np.log([links]))
        share = float(part[0])
        return [(int(low[0]), 1.0 - share), *([(int(high[0]), share)] if share else [])]


def between(knots: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each place the knots below and above it, and the part of the way between them; beyond an end, that end."""
    at = np.interp(places, knots, np.arange(len(knots)))
    low = np.minimum(at.astype(int), max(len(knots) - 2, 0))
    return low, np.minimum(low + 1, len(knots) - 1), at - low
