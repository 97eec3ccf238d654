"""Tables of the guides hold what the committed metrics files and the card of the packaged weights say."""

import json
from pathlib import Path

import pytest

from benchmarks import tables
from dags.readme import filled

pytestmark = pytest.mark.release


def test_the_made_tables_are_up_to_date(root: Path) -> None:
    for name, parts in tables.pages(root / "metrics").items():
        text = (root / "docs" / name).read_text()
        for part in parts:
            assert f"<!-- {part} -->" in text, (name, part)
        assert filled(text, parts) == text, f"{name}: run `make readme`"


def test_no_adaptation_is_surely_worse_than_zero_shot(root: Path) -> None:
    cases = json.loads((root / "metrics" / "adaptation.json").read_text())
    worse = [case for case in cases if case["difference"][2] < 0]
    assert cases
    assert not worse, worse
