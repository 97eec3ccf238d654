"""Networks that tests of tiles cut."""

import numpy as np

from components.channel.city import City, city_scenario, draw_city, sparse_network
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.network import Network


def city(links: int, seed: int = 3) -> tuple[City, SparseNetwork]:
    """A city of some 20 listed gains per receiver, with a far field of up to 16 cells."""
    drawn = draw_city(city_scenario(links), seed)
    return drawn, sparse_network(drawn, strongest=20, candidates=80, cells=16)


def chain(links: int, gain: float = 50.0) -> SparseNetwork:
    """Links in a row, each of which hears the two beside it."""
    everyone = np.arange(links)
    receiver = np.concatenate([everyone, everyone[1:], everyone[:-1]])
    transmitter = np.concatenate([everyone, everyone[:-1], everyone[1:]])
    values = np.where(receiver == transmitter, 1000.0, gain)
    return Network.from_edges(links, receiver, transmitter, values)
