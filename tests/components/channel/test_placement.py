"""Layouts obey their law, and placing them always ends."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from components.channel.placement import place
from components.channel.rng import stream
from components.channel.scenario import SCENARIOS, Scenario

COUNT = 60


def distances(layout):
    """[count, receiver, transmitter] in metres."""
    return np.linalg.norm(layout.receivers[:, :, None] - layout.transmitters[:, None], axis=-1)


@pytest.fixture(scope="module", params=["D1", "D5", "D10", "D15", "D16", "D20"])
def placed(request):
    scenario = SCENARIOS[request.param]
    return scenario, place(scenario, COUNT, stream(1, "layout", scenario.name))


def test_everyone_is_inside_the_square(placed):
    scenario, layout = placed
    for positions in layout:
        assert positions.shape == (COUNT, scenario.links, 2)
        assert positions.min() >= 0
        assert positions.max() <= scenario.area_m


def test_receivers_are_within_reach_of_their_own(placed):
    scenario, layout = placed
    own = np.diagonal(distances(layout), axis1=1, axis2=2)
    assert own.min() >= scenario.min_distance_m - 1e-9
    assert own.max() <= scenario.max_distance_m + 1e-9


def test_own_transmitter_is_the_nearest_of_every_receiver(placed):
    scenario, layout = placed
    nearest = distances(layout).argmin(-1)
    assert (nearest == np.arange(scenario.links)).all()


def test_lone_links_are_uniform_in_radius_angle_and_place():
    scenario = Scenario("lone", 1, 10.0, 60.0, area_m=1e7)  # no neighbour and no edge to redraw for
    layout = place(scenario, 20_000, stream(2))
    offset = (layout.receivers - layout.transmitters)[:, 0]
    radius, angle = np.hypot(*offset.T), np.arctan2(*offset.T)
    assert stats.kstest((radius - 10) / 50, "uniform").pvalue > 0.01
    assert stats.kstest((angle + np.pi) / (2 * np.pi), "uniform").pvalue > 0.01
    assert stats.kstest(layout.transmitters[:, 0, 0] / 1e7, "uniform").pvalue > 0.01
    area_law = ((radius**2 - 100) / 3500).clip(0, 1)
    assert (
        stats.kstest(area_law, "uniform").pvalue < 1e-6
    )  # the test tells uniform in radius from uniform in area


def test_redraws_do_not_pull_transmitters_together():
    layout = place(SCENARIOS["D15"], 300, stream(3))
    x = layout.transmitters[..., 0].ravel() / 1000
    assert stats.kstest(x, "uniform").statistic < 0.02


def test_a_transmitter_without_an_admissible_place_moves():
    # two links on a square so small that most transmitter pairs leave no room: only moving transmitters helps
    scenario = Scenario("tight", 2, 60.0, 70.0, area_m=100.0)
    layout = place(scenario, 200, stream(4))
    assert (distances(layout).argmin(-1) == np.arange(2)).all()


def test_hopeless_scenarios_are_refused():
    scenario = Scenario("hopeless", 60, 90.0, 99.0, area_m=100.0)
    with pytest.raises(ValueError, match="scenario 'hopeless': no admissible layout of 60 links"):
        place(scenario, 1, stream(5))


def test_layouts_follow_the_generator():
    scenario = dataclasses.replace(SCENARIOS["D1"], name="other name")
    first = place(SCENARIOS["D1"], 3, stream(6))
    assert all(np.array_equal(a, b) for a, b in zip(first, place(scenario, 3, stream(6)), strict=True))
