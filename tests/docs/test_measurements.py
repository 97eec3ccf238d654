"""What the guide to measurements shows is what happens, and its columns are those that are read."""

import doctest
from pathlib import Path

import pytest

from gfm_ra.measurements import cells, counters, csv_reports, scan

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "measurements.md"


def test_the_guide_shows_what_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(GUIDE), module_relative=False)
    assert tried > 8
    assert failed == 0


@pytest.mark.parametrize(
    "columns",
    [
        (*cells.NEEDED, *cells.OPTIONAL),
        (*csv_reports.NEEDED, *csv_reports.OPTIONAL),
        (*counters.NEEDED, *counters.OPTIONAL),
        (*scan.NEEDED, *scan.OPTIONAL, *scan.NEEDED_OF_POINTS, *scan.OPTIONAL_OF_POINTS),
    ],
)
def test_every_column_is_in_the_guide(columns: tuple[str, ...]) -> None:
    text = GUIDE.read_text()
    assert [name for name in columns if f"`{name}`" not in text] == []
