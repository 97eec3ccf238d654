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
from zipfile import BadZipFile

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.familiarity.gaussians import Gaussians
from gfm_ra.familiarity.statistics import NAMES, statistics
from gfm_ra.network import Network

FORMAT = 1
REACH = 1.25
"""Networks are compared from the least number of links of a reference over this up to the largest times this."""
LEVELS = np.concatenate([np.linspace(1.0, 0.2, 17), np.geomspace(0.2, 1e-4, 40)[1:]])
"""Shares of the held-out networks, [Q]; for each of them the unusualness is kept that they reach."""
_BLOCK = 2**19  # gains that are looked at together
_AGAIN = "make it again with `gfm-ra familiarity --fit`"
_FLOATS = ("hidden", "mean", "spread", "whitening")


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
        """
        flat = network.flattened()
        if not self.has(network.links):
            return np.full(network.shape, np.nan)[()]
        step = max(1, _BLOCK // network.links**2)
        parts = [self.of(flat[begin : begin + step].gain_db) for begin in range(0, max(len(flat), 1), step)]
        return np.concatenate(parts).reshape(network.shape)[()]

    def has(self, links: int) -> bool:
        """Whether there are networks of about this number of links."""
        return int(self.own.links[0]) / REACH <= links <= int(self.own.links[-1]) * REACH

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
                arrays |= {prefix + name: getattr(part, name).astype(np.float32) for name in _FLOATS}
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


def read(path: str | Path) -> Reference:
    """A reference that `Reference.save` wrote.

    Raises:
        InputError: there is none, or it is damaged, or of another version.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored.files}
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file: name a reference, trained or home, or a file"
        ) from None
    # No zip file, one that breaks off, an array of objects, or a single array.
    except (ValueError, OSError, EOFError, TypeError, BadZipFile) as error:
        raise InputError(f"{path} is no reference of networks ({error}): {_AGAIN}") from None
    wanted = {"format", "name", "statistics", "levels", "links", "unusualness", "held_out", *_FLOATS}
    if missing := wanted - set(arrays):
        raise InputError(f"{path} is no reference of networks, it holds no {min(missing)}: {_AGAIN}")
    same = int(arrays["format"]) == FORMAT and tuple(arrays["statistics"].tolist()) == NAMES
    if not same or arrays["levels"].shape != LEVELS.shape or not np.allclose(arrays["levels"], LEVELS):
        raise InputError(f"{path} is of another version of gfm-ra: {_AGAIN}")
    background = _gaussians(arrays, "background_", path) if "background_links" in arrays else None
    own = _gaussians(arrays, "", path)
    unusualness, held_out = arrays["unusualness"].astype(np.float64), arrays["held_out"]
    if unusualness.shape != (*own.mean.shape[:2], len(LEVELS)) or held_out.shape != own.links.shape:
        raise InputError(f"{path} is damaged: its arrays do not fit each other: {_AGAIN}")
    return Reference(str(arrays["name"]), own, background, unusualness, held_out)


def _gaussians(arrays: dict[str, np.ndarray], prefix: str, path: str | Path) -> Gaussians:
    try:
        floats = {name: arrays[prefix + name].astype(np.float64) for name in _FLOATS}
        found = Gaussians(links=arrays[f"{prefix}links"].astype(np.int64), **floats)
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): {_AGAIN}") from None
    table = (len(found.links), len(found.hidden), len(NAMES))
    fits = found.mean.shape == found.spread.shape == table and len(found.links) and len(found.hidden)
    if not fits or found.whitening.shape != (table[0], len(NAMES), len(NAMES)):
        raise InputError(f"{path} is damaged: its arrays do not fit each other: {_AGAIN}")
    return found
