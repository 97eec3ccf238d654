"""The table of scenarios, and what counts as a network."""

import dataclasses
import json
import math

import numpy as np
import pytest

from components.channel.scenario import OUT_OF_DISTRIBUTION, PRETRAINING, SCENARIOS, Scenario

GOOD = {"name": "mine", "links": 10, "min_distance_m": 5.0, "max_distance_m": 50.0}


def test_twenty_scenarios_range_major():
    assert list(SCENARIOS) == [f"D{number}" for number in range(1, 21)]
    assert [scenario.links for scenario in SCENARIOS.values()] == [20, 35, 50, 65, 80] * 4
    ranges = [(scenario.min_distance_m, scenario.max_distance_m) for scenario in SCENARIOS.values()]
    assert ranges == [(2, 65)] * 5 + [(10, 50)] * 5 + [(30, 70)] * 5 + [(1, 100)] * 5


def test_the_widest_range_is_kept_for_tests():
    assert (*PRETRAINING, *OUT_OF_DISTRIBUTION) == tuple(SCENARIOS)
    assert {SCENARIOS[name].max_distance_m for name in OUT_OF_DISTRIBUTION} == {100}
    assert not any(SCENARIOS[name].max_distance_m == 100 for name in PRETRAINING)


def test_names_in_the_table_are_the_scenarios_own():
    assert all(name == scenario.name for name, scenario in SCENARIOS.items())


def test_transmit_snr_of_the_papers_radio():
    assert SCENARIOS["D1"].noise_dbm == pytest.approx(-104.0)
    assert SCENARIOS["D1"].transmit_snr_db == pytest.approx(114.0)


def test_numbers_of_numpy_describe_the_same_scenario():
    numbers = {
        "links": np.int64(10),
        "min_distance_m": np.float32(5),
        "max_distance_m": np.float64(50),
        "area_m": np.int32(300),
    }
    given = Scenario(**{**GOOD, **numbers})
    assert given == Scenario(**GOOD, area_m=300)
    assert json.loads(json.dumps(dataclasses.asdict(given)))["links"] == 10


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"links": 0}, "links must be at least 1"),
        ({"links": 2.5}, "links must be a whole number"),
        ({"links": np.float64(2)}, "links must be a whole number"),
        ({"links": np.bool_(True)}, "links must be a whole number"),
        ({"max_distance_m": np.float32(np.nan)}, "max_distance_m must be a finite number"),
        ({"min_distance_m": 50.0}, "min_distance_m < max_distance_m"),
        ({"min_distance_m": -1.0}, "min_distance_m < max_distance_m"),
        ({"max_distance_m": math.nan}, "max_distance_m must be a finite number"),
        ({"max_distance_m": "50"}, "max_distance_m must be a finite number"),
        ({"area_m": 0.0}, "must be positive"),
        ({"area_m": 3.0}, "exceeds the diagonal"),
        ({"bandwidth_hz": 0.0}, "must be positive"),
        ({"shadowing_db": -1.0}, "shadowing_db"),
        ({"noise_dbm_per_hz": -math.inf}, "noise_dbm_per_hz must be a finite number"),
        ({"path_loss": "free"}, "one of dual-slope, itu1411"),
        ({"fading": "rice"}, "one of rayleigh, none"),
    ],
)
def test_impossible_scenarios_are_refused_in_one_line(change, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        Scenario(**{**GOOD, **change})
    message = str(caught.value)
    assert "mine" in message
    assert "\n" not in message
