"""Networks to compare with: what they are like, and how unusual others are among them.

Unusualness is the squared Mahalanobis distance of a network's statistics from those of the reference's networks of its
size, less the distance from a background of networks of all kinds: what is far from both tells little (the relative
distance of Ren et al., arXiv 2106.09022). The background's part is bounded, so that it cannot excuse a network that is
far from everything. Familiarity is the share of held-out networks of the reference that are at least as unusual, a
conformal p-value (Bates et al., Annals of Statistics 51(1), 2023): uniform for networks of the reference itself.

Shapes: B networks, N numbers of links, H shares of hidden gains, S statistics, Q levels.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gfm_ra.familiarity.gaussians import Gaussians
from gfm_ra.familiarity.statistics import NAMES, statistics
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.network import Network

FORMAT = 1
REACH = 1.25
"""Networks are compared where the reference has a number of links that differs by this factor at most."""
LEVELS = np.concatenate([np.linspace(1.0, 0.2, 17), np.geomspace(0.2, 1e-4, 40)[1:]])
"""Shares of the held-out networks, [Q]; for each of them the unusualness is kept that they reach."""
_BLOCK = 2**19  # gains that are looked at together
FLOATS = ("hidden", "mean", "spread", "whitening")


class Reference(NamedTuple):
    """What networks of a reference are like, and how unusual the held-out ones are."""

    name: str
    own: Gaussians
    background: Gaussians | None
    unusualness: np.ndarray  # [N, H, Q], of the held-out networks at LEVELS
    held_out: np.ndarray  # [N], how many

    def familiarity(self, network: Network) -> np.ndarray:
        """Shares of the reference's networks that look at least as unusual, [...] in (0, 1].

        NaN where the reference has no networks of about this size (REACH). Never below one over the number of held-out
        networks plus one.

        Raises:
            ValueError: a network of listed gains only.
        """
        refuse_listed(network)
        flat = network.flattened()
        if not self.has(network.links):
            return np.full(network.shape, np.nan)[()]
        step = max(1, _BLOCK // network.links**2)
        parts = [self.of(flat[begin : begin + step].gain_db) for begin in range(0, max(len(flat), 1), step)]
        return np.concatenate(parts).reshape(network.shape)[()]

    def has(self, links: int) -> bool:
        """Whether there are networks of about this number of links: at most REACH times as many, or as few."""
        larger, smaller = np.maximum(self.own.links, links), np.minimum(self.own.links, links)
        return bool((larger <= REACH * smaller).any())

    def of(self, gain_db: np.ndarray) -> np.ndarray:
        """`familiarity` of gain_db [B, K, K] of a size that the reference has, NaN where unknown, [B]."""
        links = gain_db.shape[-1]
        unknown = np.isnan(gain_db).sum((1, 2)) / max(1, links * (links - 1))
        found = self.compared(statistics(gain_db), links, unknown)
        tables = self.own.at(self.unusualness, links, unknown)  # [B, Q], rising
        logs = np.log(LEVELS)
        shares = [np.exp(np.interp(one, table, logs)) for one, table in zip(found, tables, strict=True)]
        least = sum(weight / (1.0 + self.held_out[size]) for size, weight in self.own.sizes(links))
        return np.maximum(np.array(shares).reshape(len(gain_db)), least)

    def compared(self, values: np.ndarray, links: int, unknown: np.ndarray) -> np.ndarray:
        """Unusualness [B] of statistics [B, S] of networks of K = links; unknown [B]: share of hidden gains."""
        found = self.own.squared(values, links, unknown)
        if self.background is not None:
            found = found - np.minimum(self.background.squared(values, links, unknown), 1.0)
        return found

    def save(self, path: str | Path) -> None:
        """Write it as a .npz file, a few dozen kB."""
        arrays: dict[str, object] = {}
        for prefix, part in (("", self.own), ("background_", self.background)):
            if part is not None:
                arrays |= {prefix + name: getattr(part, name).astype(np.float32) for name in FLOATS}
                arrays[f"{prefix}links"] = part.links.astype(np.int32)
                arrays[f"{prefix}whitening"] = part.whitening.astype(np.float16)
        arrays["unusualness"] = self.unusualness.astype(np.float32)
        arrays["held_out"] = self.held_out.astype(np.int32)
        target = Path(path).resolve()
        partial = target.with_name(f".{target.stem}.{os.getpid()}.partial")
        try:
            with partial.open("xb") as file:
                np.savez_compressed(
                    file, format=FORMAT, name=self.name, statistics=NAMES, levels=LEVELS,
                    **arrays,  # type: ignore[arg-type]
                )  # fmt: skip
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)


def refuse_listed(network: object) -> None:
    """Refuse networks whose gains are not all told.

    Raises:
        ValueError: a network of `Network.from_edges`.
    """
    if isinstance(network, SparseNetwork):
        raise ValueError(
            "familiarity: a network of from_edges lists some of its gains only: give all of them as a matrix, "
            "Network(gain_db=...)"
        )
