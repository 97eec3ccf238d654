"""Tiles on a Ray cluster: the same bits on one worker as on three, and when a node is lost under a tile."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

import gfm_ra
from gfm_ra.energy import EnergyEfficiency
from gfm_ra.goals import SumRate
from gfm_ra.solvers.proofs.certificate import scale_of
from pipelines.runtime.errors import UserError
from pipelines.tiles.answers import by_tiles, plan
from pipelines.tiles.on_ray import tiles_on_ray
from pipelines.tiles.rounds import Question, settle
from tests import clusters
from tests.pipelines.tiles.networks import city

LINKS, TILE = 1500, 250
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(root: Path) -> Iterator[Cluster]:
    """A head without CPUs and three workers of one CPU each, joined by this process."""
    with clusters.joined(root, head_cpus=0, workers=3, dashboard=False) as made:
        yield made


@pytest.fixture(scope="module")
def answer(cluster: Cluster):
    return ask()


def ask(goal=None):
    drawn, network = city(LINKS)
    goal = goal or SumRate()
    return by_tiles(gfm_ra.load(), network, goal, tile_links=TILE, position_m=drawn.transmitters)


def test_the_cluster_comes_within_a_fifth_of_a_percent(answer) -> None:
    whole = gfm_ra.load().allocate(city(LINKS)[1])
    scale = float(scale_of(SumRate(), whole.utility, LINKS))
    assert float(answer.utility) >= float(whole.utility) - 0.002 * scale
    assert answer.notes[0].startswith("6 tiles of at most 250 links")
    np.testing.assert_allclose(answer.rate, city(LINKS)[1].rates(answer.power), rtol=1e-6)


def test_a_node_that_is_lost_under_a_tile_changes_no_bit(cluster: Cluster, answer) -> None:
    with clusters.Loss(cluster, "solve_tile") as loss:
        found = ask()
    assert loss.lost, "no node was at work on a tile"
    np.testing.assert_array_equal(found.power, answer.power)
    assert float(found.utility) == float(answer.utility)
    assert found.notes == answer.notes


def test_the_number_of_workers_changes_no_bit(cluster: Cluster, answer) -> None:
    for node in list(cluster.worker_nodes)[1:]:
        cluster.remove_node(node)
    try:
        found = ask()
    finally:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
    np.testing.assert_array_equal(found.power, answer.power)


def test_a_tile_that_fails_is_one_line(cluster: Cluster) -> None:
    network, goal = city(LINKS)[1], SumRate()
    tiles = plan(network, goal, TILE).tiles
    broken = Question(goal, "balanced", 0, "no-such-weights")
    failure = pytest.raises(UserError, match=r"tile 0 failed: .*no-such-weights")
    with failure as caught, tiles_on_ray(tiles, broken) as run:
        settle(network, goal, tiles, run)
    assert "\n" not in str(caught.value)


def test_goals_beyond_sparse_networks_are_refused_before_work_starts(cluster: Cluster) -> None:
    with pytest.raises(ValueError, match="sparse networks are answered for sum-rate"):
        ask(EnergyEfficiency(0.5))
    assert ray.is_initialized()
