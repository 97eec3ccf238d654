"""Quality against time: who is beaten by whom, and when a network pays off."""

import numpy as np
import pytest

from components.intervals import Interval
from pipelines.reporting import speed_quality, speed_quality_methods


def timed(method, ms, batch=1):
    return {"scenario": "D18", "method": method, "batch": batch, "ms": ms, "objective": None}


def made(networks, classical):
    """Points from (method, ms, ratio) of networks and of WMMSE."""
    latency = [timed(method, ms) for method, ms, _ in (*networks, *classical)]
    trained = {
        ("D18", "sum-rate", method): Interval(value, value - 0.002, value + 0.002)
        for method, _, value in networks
    }
    scores = {method: [value] * 4 for method, _, value in classical} | {"reference": [1.0] * 4}
    return speed_quality.points(latency, {"D18/sum-rate": scores}, trained, {"D18": 50}, seed=1)


CLASSICAL = [("wmmse-1", 0.01, 0.8), ("wmmse-100", 0.05, 0.97), ("starts-100", 1.0, 1.0)]


def finding_of(*networks):
    (found,) = speed_quality.findings(made(networks, CLASSICAL))
    return found


def test_a_network_that_is_better_than_anything_as_fast_pays_off():
    found = finding_of(("net", 0.5, 0.99))
    assert found["pays"]
    assert found["network"] == {"method": "net", "ms": 0.5, "value": 0.99}
    assert found["as_good"]["method"] == "starts-100"
    assert found["links"] == 50


@pytest.mark.parametrize("network", [("net", 2.0, 0.99), ("net", 0.5, 0.96), ("net", 1.5, 1.001)])
def test_wmmse_wins_where_it_reaches_the_interval_in_less_time(network):
    found = finding_of(network)
    assert not found["pays"]
    assert found["network"] is None
    assert found["strongest"]["method"] == "starts-100"


def test_the_fastest_network_is_not_always_the_best():
    found = finding_of(("small", 0.2, 0.98), ("large", 3.0, 1.02))
    assert found["network"]["method"] == "large"
    assert found["fastest_paying"]["method"] == "small"
    assert found["as_good"] is None


def test_the_front_holds_what_nothing_beats():
    points = made([("net", 0.5, 0.96)], CLASSICAL)
    assert {row["method"] for row in points if row["front"]} == {"wmmse-1", "wmmse-100", "starts-100"}


def test_methods_are_drawn_in_families_and_a_polish_belongs_to_its_network():
    assert speed_quality_methods.family("wmmse-20") == speed_quality_methods.family("wmmse-100")
    assert speed_quality_methods.family("prompted+polish") == "prompted"
    assert speed_quality_methods.is_network("variant:small+polish")
    assert not speed_quality_methods.is_network("starts-10")
    figure = speed_quality.figure(made([("net", 0.5, 0.96)], CLASSICAL), "sum-rate", 1)
    assert [row["panel"] for row in figure.rows] == ["K = 50"] * 4
    assert all(np.isfinite(row["x"]) for row in figure.rows)
