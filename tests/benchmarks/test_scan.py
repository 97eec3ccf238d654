"""The threshold rule of access points by hand, and what a comparison consists of."""

import json

import numpy as np
import pytest

from benchmarks import scan


def test_the_rule_by_hand():
    # The first access point is heard with -50, -60, -75 and -90 dBm at 20 dBm: the third-strongest level, -75, wants
    # 5 dB more than there is, the third-smallest, -60, 10 dB less.
    heard = np.full((5, 5), -np.inf)
    heard[1:, 0] = [-50, -60, -75, -90]
    channel = np.zeros(5, dtype=int)
    assert scan.rule(heard, channel, strongest=True)[0] == 20.0
    assert scan.rule(heard, channel, strongest=False)[0] == 10.0
    heard[3, 0] = -56
    assert scan.rule(heard, channel, strongest=True)[0] == 10.0
    assert (
        scan.rule(heard, np.array([0, 1, 0, 0, 0]), strongest=True)[0] == 20.0
    )  # -90 is the third of its channel


def test_fewer_than_three_hearers_leave_full_power_and_powers_stay_in_their_range():
    heard = np.full((4, 4), -np.inf)
    heard[1:3, 0] = -40
    assert (scan.rule(heard, np.zeros(4, dtype=int), strongest=True) == 20.0).all()
    heard[1:, 0] = -20
    assert scan.rule(heard, np.zeros(4, dtype=int), strongest=True)[0] == -10.0


@pytest.mark.parametrize("draw", [scan.house, scan.office])
def test_no_method_beats_the_optimum_and_the_optimum_is_not_below_full_power(draw):
    rng = np.random.default_rng(2)
    means = [found for _ in range(6) if (found := scan.geometric_means(draw(1, rng), rng, "balanced"))]
    assert means
    for one in means:
        assert one[-1] >= max(one) * (1 - 1e-3)


def test_without_errors_a_plan_is_nearly_the_optimum(monkeypatch):
    monkeypatch.setattr(scan, "ERROR_DB", 0.0)
    rng = np.random.default_rng(2)
    found = scan.geometric_means(scan.office(1, rng), rng, "best")
    assert found is not None
    assert found[3] > 0.98 * found[-1]


def test_the_command_writes_intervals(tmp_path, capsys):
    assert scan.main(["--layouts", "2", "--json", str(tmp_path / "scan.json")]) == 0
    rows = json.loads((tmp_path / "scan.json").read_text())["rows"]
    assert [(row["layouts"], row["channels"]) for row in rows] == [
        ("house", 1),
        ("house", 3),
        ("office", 1),
        ("office", 3),
    ]
    for row in rows:
        for one in row["ratios"].values():
            assert one["low"] <= one["value"] <= one["high"]
    assert capsys.readouterr().out.count("\n") == 6
