"""What the page on slices shows is what happens, and its claims are those of the committed figures."""

import doctest
import json
from pathlib import Path


def test_the_page_shows_what_happens(root: Path) -> None:
    failed, tried = doctest.testfile(
        str(root / "docs" / "slices.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 5
    assert failed == 0


def test_least_rates_are_met_wherever_they_can_be_and_the_others_gain(root: Path) -> None:
    rows = json.loads((root / "metrics" / "slices.json").read_text())["rows"]
    assert len(rows) == 18
    assert not any(row["wrong"] for row in rows)
    low = [(row["links"], row["least_rate"]) for row in rows if row["in_time"][0] < 1.15]
    assert set(low) == {(20, 0.5)}
    assert all(row["oracle"][1] > 1.0 for row in rows)
