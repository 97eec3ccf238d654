"""What the guide shows is what happens."""

import doctest
from pathlib import Path

import gfm_ra

ROOT = Path(__file__).parents[2]


def test_the_guide_shows_what_happens() -> None:
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "use.md"), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert tried > 15
    assert failed == 0


def test_the_explanation_in_the_guide_is_that_of_its_example() -> None:
    gain_db = [[42.0, 12.0, 3.0], [9.0, 38.0, 25.0], [1.0, 28.0, 45.0]]
    guide = (ROOT / "docs" / "use.md").read_text()
    assert f"gain_db = {gain_db}" in guide
    assert f"\n{gfm_ra.load().allocate(gain_db=gain_db).explain()}\n```" in guide
