"""What the guide to bands and budgets shows is what happens."""

import doctest
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_guide_shows_what_happens() -> None:
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "bands.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 10
    assert failed == 0
