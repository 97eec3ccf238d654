"""`python -m benchmarks.bands`: figures with intervals, and faults in one line."""

import json
import subprocess
import sys

import numpy as np
import pytest

import gfm_ra
from benchmarks.bands.__main__ import main
from benchmarks.bands.measure import score


def test_figures_are_kept_with_their_intervals(tmp_path, capsys):
    out = tmp_path / "bands.json"
    words = "--worlds ofdma-umi-uplink-20x4 --goals qos --efforts fast --count 3 --on-off --out"
    main([*words.split(), str(out)])
    kept = json.loads(out.read_text())
    rows = {row["method"]: row for row in kept["worlds"]["ofdma-umi-uplink-20x4"]["qos"]}
    assert kept["about"]["networks"] == 3
    assert rows["fast"]["low"] <= rows["fast"]["ratio"] <= rows["fast"]["high"]
    assert rows["fast"]["against"].startswith("WMMSE, ")
    assert rows["equal split"]["mean"] < rows["fast"]["mean"]
    on_off = {row["method"]: row for row in kept["worlds"]["ofdma-umi-uplink-20x4"]["on-off"]}
    assert on_off["schedule"]["ratio"] >= 1
    assert "schedule" in capsys.readouterr().out


def test_scores_are_0_for_silence_and_grow_with_rates():
    for goal in (gfm_ra.SumRate(), gfm_ra.ProportionalFair(), gfm_ra.QoS(min_rate=2.0)):
        silent, some = score(goal, np.array([[0.0, 0.0], [1.0, 4.0]]))
        assert silent == pytest.approx(0, abs=1e-5)
        assert some > 0
    assert score(gfm_ra.ProportionalFair(), np.array([[1.0, 4.0]])) == pytest.approx(2.0, rel=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--count", "1"], "needs 2 networks"), (["--out", "nowhere/bands.json"], "folder nowhere is missing")],
)
def test_faults_are_one_line(words, said):
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.bands", *words], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert said in found.stderr
    assert len(found.stderr.strip().split("\n")) == 1
