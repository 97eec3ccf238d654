"""Small networks cut out of the published test worlds: a link and those that are coupled most with it."""

import hashlib
from typing import NamedTuple

import numpy as np

from benchmarks.worlds.run import published
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import PUBLISHED


class Part(NamedTuple):
    """Where a small network comes from."""

    world: str
    network: int  # its number among the published ones
    links: tuple[int, ...]  # of that network, the one chosen first


def parts(links: int, count: int) -> tuple[list[Part], np.ndarray]:
    """`count` parts of so many links, world after world in turn, and their gains in dB, float32 [count, K, K].

    Coupling is the larger of the two cross gains; ties go to the link of the smaller number. Worlds with fewer links
    are left out.
    """
    worlds = [world for world in WORLDS.values() if world.links >= links]
    gains = {world.name: published(world, PUBLISHED) for world in worlds}
    found, gain_db = [], []
    for number in range(count):
        world = worlds[number % len(worlds)]
        network = (number // len(worlds)) % PUBLISHED
        first = (number // len(worlds)) * 7 % world.links
        whole = gains[world.name][network]
        coupling = np.maximum(whole[first], whole[:, first])
        coupling[first] = np.inf
        chosen = np.argsort(-coupling, kind="stable")[:links]
        found.append(Part(world.name, network, tuple(int(link) for link in chosen)))
        gain_db.append(whole[np.ix_(chosen, chosen)])
    return found, np.stack(gain_db)


def digest(gain_db: np.ndarray) -> str:
    """SHA-256 of gains in dB as little-endian float32."""
    return hashlib.sha256(np.ascontiguousarray(gain_db, "<f4").tobytes()).hexdigest()
