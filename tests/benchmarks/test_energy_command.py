"""The table of energy: joules by hand, a row for every site and effort, and bad words refused."""

import json
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from benchmarks import energy
from gfm_ra.energy import EnergyEfficiency
from gfm_ra.errors import InputError


def test_joules_are_those_of_the_powers() -> None:
    gain_db, goal = np.array([[[40.0, 10.0], [10.0, 40.0]]], np.float32), EnergyEfficiency(0.5, 0.4)
    site = energy.Site("here", "none", 20.0, 20.0)  # 0.1 W
    allocator = gfm_ra.load()
    found = energy.row(site, "balanced", allocator, goal, gain_db, 15.0, 0.01)
    answer = allocator.allocate(gain_db=gain_db, goal=goal)
    full_rate = float(gfm_ra.spectral_efficiency(np.ones((1, 2)), 10.0 ** (gain_db / 10.0)).sum())
    full, used = 0.001 * 2 * 3.0, 0.001 * float(answer.power.sum() / 0.4 + 1.0)
    assert (found.links, found.effort) == (2, "balanced")
    assert found.full_power_j == pytest.approx(full)
    assert found.saved_same_time_j == pytest.approx(full - used)
    assert found.saved_same_bits_j == pytest.approx(full * float(answer.rate.sum()) / full_rate - used)
    assert found.efficiency == pytest.approx(float(answer.utility[0]) / (full_rate / 6.0), rel=1e-6)
    assert found.rate == pytest.approx(float(answer.rate.sum()) / full_rate, rel=1e-6)
    assert found.answer_j == pytest.approx(found.answer_ms * 1e-3 * 15.0)
    assert found.answer_ms > 0
    assert found.slots == pytest.approx(found.answer_j / found.saved_same_bits_j)


def test_it_prints_a_table_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "energy.json"
    energy.main(["--count", "2", "--seconds", "0.01", "--watts", "10", "--out", str(out)])
    head, *lines = capsys.readouterr().out.splitlines()
    told = json.loads(out.read_text())
    assert "10 W a core" in head
    assert (told["watts"], told["networks"], told["circuit_power"]) == (10.0, 2, 1.0)
    assert len(told["rows"]) == len(lines[3:]) == len(energy.SITES) * len(energy.EFFORTS)
    assert all(row["efficiency"] > 1 for row in told["rows"])
    home, *_, macro = told["rows"]
    assert macro["saved_same_bits_j"] > 1000 * home["saved_same_bits_j"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--watts 0", "--watts must be above 0"),
        ("--watts nan", "--watts must be above 0"),
        ("--count 0", "--count must be above 0"),
        ("--seconds inf", "--seconds must be above 0"),
        ("--circuit-power -1", "circuit_power must be finite and not negative"),
        ("--amplifier-efficiency 2", "amplifier_efficiency must be above 0"),
        ("--out /no/such/folder/energy.json", "cannot be written"),
    ],
)
def test_bad_words_are_refused_before_any_work(words: str, said: str) -> None:
    with pytest.raises((InputError, ValueError), match=said):
        energy.main(words.split())
