"""The comparison of slices: partitions by hand, an oracle that meets least rates, a row for every effort."""

import json
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from benchmarks.slices import __main__ as command
from benchmarks.slices import oracle as penalised
from benchmarks.slices.networks import band_part, home, partitioned, time_part
from gfm_ra.errors import InputError


def test_least_parts_of_time_and_band_are_those_of_a_single_link() -> None:
    gain = np.array([[[1000.0]], [[15.0]]])
    np.testing.assert_allclose(time_part(gain, 2.0), 2.0 / np.log2([1001.0, 16.0]))
    part = band_part(gain, 2.0)
    np.testing.assert_allclose(part * np.log2(1.0 + gain[:, 0, 0] / part), 2.0)
    assert (part < time_part(gain, 2.0)).all()


def test_what_a_partition_leaves_is_shared_by_wmmse() -> None:
    gain = np.array([[[3.0]]])
    assert partitioned(gain, np.array([0.25]), False, 1) == pytest.approx([0.75 * 2.0])
    assert partitioned(gain, np.array([0.25]), True, 1) == pytest.approx([0.75 * np.log2(5.0)])


def test_home_networks_of_a_size_come_from_all_three_scenarios() -> None:
    gain = home(10, 6)
    assert gain.shape == (6, 10, 10)
    assert len(np.unique(gain)) == 600


def test_the_oracle_finds_the_optimum_of_two_links(monkeypatch) -> None:
    monkeypatch.setattr(penalised, "STARTS", 3)
    gain = np.array([[[100.0, 10.0], [5.0, 80.0]]])
    found = penalised.oracle(gain, 1, 2.0, seed=0)
    second = np.linspace(0.0, 1.0, 2001)
    first = 3.0 * (1.0 + 10.0 * second) / 100.0
    best = np.log2(1.0 + 80.0 * second / (1.0 + 5.0 * first))[first <= 1.0].max()
    assert found == pytest.approx([best], rel=1e-3)


def test_it_prints_a_table_and_writes_json(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(penalised, "STARTS", 1)
    out = tmp_path / "slices.json"
    words = ["--links", "20", "--rates", "1", "2", "--efforts", "fast", "balanced", "--count", "24"]
    command.main([*words, "--out", str(out)])
    lines = capsys.readouterr().out.splitlines()
    told = json.loads(out.read_text())
    assert len(told["rows"]) == len(lines) - 4 == 4
    for row in told["rows"]:
        assert row["wrong"] == 0
        assert row["met"] == row["can_be_met"]
        assert row["in_time"][0] > 1.05
        assert row["oracle"][0] > 0.99
        assert row["best_partition"][0] < row["ceiling"]


def test_bad_words_are_refused() -> None:
    for words, said in (
        (["--count", "1"], "--count must be at least 3"),
        (["--links", "4"], "--links must be at least 10"),
        (["--out", "/nowhere/at/all.json"], "cannot be written"),
        (["--count", "3", "--rates", "90", "--no-oracle"], "no network of 20 links can have it"),
    ):
        with pytest.raises(InputError, match=said):
            command.main(words)
    assert gfm_ra.Slice  # exported where the command looks for it
