"""The table of cities: a row for every size, goal and effort, and scores in proportion to what is delivered."""

import json

import numpy as np
import pytest

from benchmarks import cities
from gfm_ra.errors import InputError
from gfm_ra.goals import ProportionalFair, QoS, SumRate


def test_scores_are_of_what_is_delivered() -> None:
    rates = np.array([1.0, 4.0])
    assert cities.score(SumRate(), rates) == 5.0
    assert cities.score(ProportionalFair(), rates) == pytest.approx(2.0, rel=1e-5)
    assert cities.score(QoS(0.5, 10.0), np.zeros(2)) == 0.0
    assert cities.score(QoS(0.5, 10.0), rates) == pytest.approx(5.0 + 10.0)


def test_it_prints_a_table_and_writes_json(tmp_path, capsys) -> None:
    out = tmp_path / "cities.json"
    words = ["--links", "12,30", "--goals", "sum-rate,qos", "--efforts", "fast,balanced", "--starts", "2"]
    cities.main([*words, "--dense", "12", "--out", str(out)])
    told = json.loads(out.read_text())
    assert len(told["rows"]) == 8
    assert {row["links"] for row in told["rows"] if row["dense_seconds"] is None} == {30}
    for row in told["rows"]:
        assert row["effort"] == "fast" or row["over_one_start"] > 1 - 1e-6
        assert row["seconds"] > 0
    assert set(told["slopes"]) == {"sum-rate, fast", "sum-rate, balanced", "qos, fast", "qos, balanced"}
    assert len([line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]) == 9


def test_the_slope_is_the_exponent_of_a_power_law() -> None:
    rows = [
        cities.Row(links, links, "sum-rate", "fast", 3.0 * links**1.5, 0.1, 1.0, None, None, None)
        for links in (10, 100, 1000)
    ]
    assert cities.slope(rows) == pytest.approx(1.5)


@pytest.mark.parametrize("words", [["--links", "many"], ["--links", "0"], ["--efforts", "most"]])
def test_bad_words_are_refused(words) -> None:
    with pytest.raises(InputError):
        cities.main(words)
