"""README.md says what the committed metrics files and the source files say."""

from pathlib import Path

import pytest

from dags.readme import files, filled, measured

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("part", "make"), [("measured", lambda: measured(ROOT / "metrics")), ("files", lambda: files(ROOT))]
)
def test_the_made_parts_are_up_to_date(part, make):
    page = (ROOT / "README.md").read_text()
    assert f"<!-- {part} -->" in page
    assert filled(page, {part: make()}) == page, "run `make readme`"
