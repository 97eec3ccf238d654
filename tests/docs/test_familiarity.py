"""What the page on familiarity shows is what happens."""

import doctest
from pathlib import Path


def test_the_page_shows_what_happens(root: Path) -> None:
    failed, tried = doctest.testfile(str(root / "docs" / "familiarity.md"), module_relative=False)
    assert tried > 5
    assert failed == 0
