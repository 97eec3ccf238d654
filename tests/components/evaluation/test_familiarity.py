"""The packaged references fit what they are of."""

import numpy as np
import pytest

from components.channel.worlds.validation import networks
from components.evaluation.familiarity import draw
from gfm_ra.familiarity import load
from gfm_ra.familiarity.packaged import HOME, PACKAGED
from gfm_ra.network import Network


@pytest.mark.parametrize("links", [5, 20, 40])
@pytest.mark.parametrize("kind", PACKAGED)
def test_other_networks_of_the_same_law_are_as_familiar(kind: str, links: int) -> None:
    found = load(kind).familiarity(Network(gain_db=draw(kind, links, 1000, seed=5)))
    for level in (0.05, 0.5):
        assert np.mean(found <= level) == pytest.approx(level, abs=0.5 * level + 0.01)


@pytest.mark.parametrize(
    "kind", ["pairs", "clusters", "downlink", "uplink", "lattice", "corridor", "heavy-tailed"]
)
def test_other_kinds_of_networks_are_told_from_the_papers(kind: str) -> None:
    found = load(HOME).familiarity(Network(gain_db=networks(kind, 200, 20)))
    assert np.median(found) < 0.01


def test_streams_are_keyed_by_what_they_are_for() -> None:
    np.testing.assert_array_equal(draw(HOME, 4, 3), draw(HOME, 4, 60)[:3])
    assert not np.array_equal(draw(HOME, 4, 3), draw(HOME, 4, 3, seed=1))
