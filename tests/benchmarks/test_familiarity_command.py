"""`python -m benchmarks.familiarity`: its measures, its table, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import familiarity
from benchmarks.familiarity import Row, auroc, delay, main, separation, table
from gfm_ra import InputError
from gfm_ra.familiarity import Drift, load


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    generator = np.random.default_rng(0)
    usual, unusual = generator.integers(0, 10, 40) / 10, generator.integers(0, 8, 30) / 10
    pairs = (unusual[:, None] < usual) + 0.5 * (unusual[:, None] == usual)
    assert auroc(usual, unusual) == pytest.approx(pairs.mean())
    assert auroc(usual, usual) == pytest.approx(0.5)


def test_the_delay_counts_answers() -> None:
    assert delay(Drift(), np.full(50, 1e-3)) == 5
    assert delay(Drift(), np.ones(50)) == 0


def test_a_world_with_another_number_of_links_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiarity, "COUNT", 20)
    home = {hidden: np.linspace(0.01, 1.0, 100) for hidden in (0.0, 0.5)}
    row, seen = separation(load("home"), "wyner", home)
    assert row.auroc > 0.99
    assert row.auroc_same_links > 0.99
    assert seen.shape == (20,)
    found = {
        "worlds": [row._asdict(), Row("other", 9, 0.5, 0.5, 0.5, 0.5, 12)._asdict()],
        "home_at_most": {"0.1": 0.11},
        "false_alarms": [0],
    }
    lines = table(found)
    assert "none" in lines[1]
    assert lines[2].endswith("12")


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--out", "nowhere/found.json"]])
def test_what_makes_no_sense_is_refused(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        main(words)
