"""OFDMA worlds: 7 cells that wrap around, several users per cell, bands whose fading is correlated.

Shapes: N networks, K links, C cells, F bands. Path loss, sight and shadowing are those of the flat cellular worlds.
A band is one resource block. Spread evenly over all bands, full power has the density that it has over 20 MHz in the
flat worlds; a world of one band is a flat one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.worlds.families.cellular import UMA_7, UMI_7, flat_full_power_db
from benchmarks.worlds.families.delay_line import DelayLine
from benchmarks.worlds.families.hexagonal import Paths, chosen_users
from benchmarks.worlds.world import SEED
from gfm_ra.network import Network
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB

CELLS = 7
_PART = 20  # networks that are drawn together
_TRIES = 100
Direction = Literal["downlink", "uplink"]


@dataclass(frozen=True)
class Street:
    """What differs between UMi and UMa."""

    name: str
    paths: Paths
    delay_line: DelayLine
    band_hz: float


@dataclass(frozen=True)
class BandedWorld:
    """Networks of several bands; row = receiver, column = transmitter."""

    street: Street
    direction: Direction
    links: int
    bands: int

    @property
    def name(self) -> str:
        """As tables name it."""
        return f"ofdma-{self.street.name}-{self.direction}-{self.links}x{self.bands}"

    @property
    def cell(self) -> np.ndarray:
        """[K], the cell of each link: the first cells have one user more where K / 7 is no whole number."""
        users = np.full(CELLS, self.links // CELLS) + (np.arange(CELLS) < self.links % CELLS)
        return np.repeat(np.arange(CELLS), users)

    @property
    def frequency_hz(self) -> np.ndarray:
        """[F], middles of the bands, from the first one's."""
        return self.street.band_hz * np.arange(self.bands)

    def gain_db(self, count: int, seed: int = SEED) -> np.ndarray:
        """Gains over the noise of a band at full power in it, float32 [N, F, K, K], rounded to 1e-3 dB.

        Those of a smaller count are the first. Raises ValueError for a count below 1.
        """
        if count < 1:
            raise ValueError(f"world {self.name}: count must be at least 1, got {count}")
        generator = np.random.Generator(np.random.PCG64(seed))
        parts = [self._draw(generator) for _ in range(0, count, _PART)]
        gain_db = np.clip(np.concatenate(parts)[:count], LEAST_GAIN_DB, LARGEST_GAIN_DB)
        return (np.round(gain_db, 3) + 0.0).astype(np.float32)

    def network(self, gain_db: np.ndarray, exclusive: bool = False) -> Network:
        """Gains [N, F, K, K] with the budgets of the direction: one full power per base station, or per user.

        exclusive: whether a cell gives each band to at most one of its users.
        """
        sharing = self.cell if exclusive else None
        groups = self.cell if self.direction == "downlink" else None
        return Network(gain_db=gain_db, bands=True, groups=groups, exclusive=sharing)

    def _draw(self, generator: np.random.Generator) -> np.ndarray:
        """20 networks."""
        cell, found = self.cell, []
        most = int(np.bincount(cell).max())
        place = np.concatenate([np.arange((cell == number).sum()) for number in range(CELLS)])
        for path_db, factor in _users(self.street.paths, most, generator):
            links = cell * most + place
            fading_db = self.street.delay_line.fading_db(factor[links], self.frequency_hz, generator)
            to_cells = path_db[links][..., None] + fading_db  # [K, C, F]
            found.append(np.moveaxis(to_cells[:, cell], -1, 0))  # [F, K, K]: row = user, column = its cell
            if len(found) == _PART:
                break
        full_db = flat_full_power_db(self.street.name, self.direction) + 10.0 * np.log10(self.bands)
        gain_db = full_db + np.stack(found)
        return gain_db if self.direction == "downlink" else gain_db.swapaxes(-1, -2)


def _users(
    paths: Paths, per_cell: int, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Path gains without fading in dB and K factors of so many users of each cell, [C * P, C], network by network."""
    for _ in range(_TRIES):
        yield from zip(*chosen_users(*paths(_PART, generator), per_cell), strict=True)
    raise RuntimeError(f"no network with {per_cell} users in each cell in {_TRIES} tries")


# Delay spreads out of sight at 6 GHz, TR 38.901 table 7.5-6: 10^(-0.24 lg 7 - 6.83) and 10^(-0.204 lg 6 - 6.28) s.
# Resource blocks are 12 subcarriers of 30 and 15 kHz (TS 38.211, 4.4.4.1), less than half of the coherence bandwidth.
_UMI = Street("umi", UMI_7, DelayLine(92.7e-9), 360e3)
_UMA = Street("uma", UMA_7, DelayLine(364e-9), 180e3)

WORLDS: dict[str, BandedWorld] = {
    world.name: world
    for street, sizes in ((_UMI, ((20, 4), (20, 10), (20, 16), (50, 10))), (_UMA, ((20, 10), (50, 10))))
    for direction in ("downlink", "uplink")
    for world in (BandedWorld(street, direction, *size) for size in sizes)
}
"""By name."""
SHA256: dict[str, str] = {
    "ofdma-umi-downlink-20x4": "912a413606af92b69d7d7f59e626c5ceecff6a49754b2d272947d3e24d4c200c",
    "ofdma-umi-downlink-20x10": "fc4d2a8b6584ff2a19e33d89bd27c9c7cd89c185631419dd8e02b50ba7957d0d",
    "ofdma-umi-downlink-20x16": "1ce991890531bf2971659ef2e005679bc4b11d71def9b2602cc50593c31587c8",
    "ofdma-umi-downlink-50x10": "3662cd85fdc235e057514692ffec60fed79745668c338b134f49b6d779235114",
    "ofdma-umi-uplink-20x4": "a03700cae0c0fac7392a05806bd75ab53a5f373cf8d17b4811626580e173f3e4",
    "ofdma-umi-uplink-20x10": "02d294eaabdde91079dde6df42118bbb64d3688be71b1ce60f8b24fd9faa3da1",
    "ofdma-umi-uplink-20x16": "2a1dc00a62cac65a5ddd29a2deb8a8b035dda0da1dae4b26c636309ed7dda41d",
    "ofdma-umi-uplink-50x10": "d75e546ab6bbd46bc5f84accbafcf26001201f0750bcfbc329ca2c6aa0056348",
    "ofdma-uma-downlink-20x10": "a26d6a54ab9cb45dc44eaaa64d5b5b3b3375b7a5b976b906d9c5611045376da6",
    "ofdma-uma-downlink-50x10": "830826f63d363b6ceedf7de24b026a210460f4b96a7679c220c02026468af525",
    "ofdma-uma-uplink-20x10": "31e1ae29a1d6efc3d0dc0450ba17a7cabc86efd3bde2d62b2ab547381e910a9f",
    "ofdma-uma-uplink-50x10": "8e4bc27934fb03e66f26663fd7ba0737127609abafad9801d53a6205c7807939",
}
"""Of the 200 published networks of each world, by `benchmarks.worlds.world.digest`."""
