"""Simulated gains together with the layouts that they were drawn for."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from components.channel import simulator
from components.channel.path_loss import path_loss
from components.channel.placement import Layout, place
from components.channel.rng import stream
from components.channel.scenario import Scenario


class Terms(NamedTuple):
    """Gains [count, K, K] and what they are made of."""

    layout: Layout
    distance_m: np.ndarray  # [count, K, K] receiver k to transmitter j
    path_gain_db: np.ndarray  # [count, K, K] minus path loss, without shadowing
    gain: np.ndarray  # [count, K, K] linear


@pytest.fixture(scope="session")
def simulated_terms() -> Callable[..., Terms]:
    """simulated_terms(scenario, count, seed, *key): gains, and the layouts that the same stream begins with.

    A block's layouts are drawn before its gains; so with more than one block only without shadowing and fading, which
    draw nothing.
    """

    def simulated(scenario: Scenario, count: int, *key: int | str) -> Terms:
        bare = scenario.shadowing_db == 0.0 and scenario.fading == "none"
        assert count <= simulator._BLOCK or bare
        generator = stream(*key)  # type: ignore[arg-type]
        sizes = [min(simulator._BLOCK, count - start) for start in range(0, count, simulator._BLOCK)]
        blocks = [place(scenario, size, generator) for size in sizes]
        layout = Layout(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))
        offset = layout.receivers[:, :, None, :] - layout.transmitters[:, None, :, :]  # [count, K, K, 2]
        distance_m = np.sqrt((offset**2).sum(-1))
        path_gain_db = -path_loss(scenario.path_loss).loss_db(distance_m)
        gain = simulator.simulate_with(stream(*key), scenario, count)  # type: ignore[arg-type]
        return Terms(layout, distance_m, path_gain_db, gain)

    return simulated
