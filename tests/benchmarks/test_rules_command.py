"""The count of violations and the table of prices."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.rules import violations
from benchmarks.rules.__main__ import main
from benchmarks.rules.random_rules import case
from gfm_ra.errors import InputError, UserError


def test_it_counts_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "rules.json"
    main(["--count", "250", "--batch", "100", "--first", "7", "--out", str(out)])
    told = json.loads(out.read_text())
    assert told["networks"] == 250
    assert told["broken"] == told["refused"] == 0
    assert "250 random networks: 0 beyond 1e-06" in capsys.readouterr().out


def test_a_repair_that_repairs_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(violations, "enforced_rows", lambda power, bounds: power)
    with pytest.raises(UserError, match="break"):
        main(["--count", "200", "--batch", "100"])


def test_cases_are_those_of_their_numbers() -> None:
    for one, other in ((case(3, 5), case(3, 5)), (case(4, 5), case(4, 5))):
        np.testing.assert_array_equal(one.power, other.power)
        assert one.power.shape == other.power.shape


def test_prices_grow_with_the_cap(tmp_path: Path) -> None:
    out = tmp_path / "prices.json"
    main(["--price", "--networks", "3", "--out", str(out)])
    rows = json.loads(out.read_text())
    assert len(rows) == 3 * 2 * 3
    for row in rows:
        assert row["repaired"] <= row["answer"] < row["without"]
    for lenient, strict in pairwise(rows):
        if (lenient["goal"], lenient["effort"]) == (strict["goal"], strict["effort"]):
            assert strict["answer"] < lenient["answer"]


def test_bad_words_are_refused() -> None:
    with pytest.raises(InputError, match="--count 0"):
        main(["--count", "0"])
