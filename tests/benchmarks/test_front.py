"""Quality against time: what a front is, where ours is behind, and the command that measures it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.front import EFFORTS, ITERATIONS, STARTS, Point, better_than_ours, main, on_front
from gfm_ra.core import loader
from gfm_ra.errors import InputError


def point(method: str, ms: float, ratio: float, ours: bool = False) -> Point:
    return Point("ring", 16, "sum-rate", method, ours, ms, ratio)


POINTS = [
    point("quick", 0.1, 0.90), point("slow and worse", 5.0, 0.89), point("ours fast", 0.5, 1.00, ours=True),
    point("as good, later", 0.6, 1.00), point("ours best", 2.0, 1.02, ours=True), point("between", 1.0, 1.01),
    point("long", 60.0, 1.03),
]  # fmt: skip


def test_the_front_holds_what_nothing_faster_reaches() -> None:
    assert [found.method for found in on_front(POINTS)] == [
        "quick",
        "ours fast",
        "between",
        "ours best",
        "long",
    ]


def test_ours_is_behind_where_a_foreign_point_beats_all_of_ours_in_its_time() -> None:
    found = better_than_ours(POINTS)
    assert [(each.method, round(ahead, 6)) for each, ahead in found] == [("between", 0.01), ("long", 0.01)]
    assert better_than_ours([each for each in POINTS if each.method not in ("between", "long")]) == []


def test_a_faster_point_that_is_better_than_our_fastest_answer_is_ahead_of_it() -> None:
    found = better_than_ours([*POINTS, point("quicker", 0.2, 1.005)])
    assert next((each.method, round(ahead, 6)) for each, ahead in found) == ("quicker", 0.005)


def test_one_command_measures_times_and_ratios(root: Path, tmp_path: Path) -> None:
    words = (
        "--worlds log-normal --goals sum-rate proportional-fair --count 3 --out front.json --plot front.png"
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.front", *words.split()], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(root), loader.VARIABLE: loader.available()[0]}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads((tmp_path / "front.json").read_text())
    assert told["instruction_set"] == loader.available()[0]
    assert f", {loader.available()[0]}; load" in done.stdout
    rows = {(row["goal"], row["method"]): row for row in told["points"]}
    wmmse = len(STARTS) * len(ITERATIONS)
    assert len(rows) == 2 * (wmmse + len(EFFORTS)) + 1
    assert ("proportional-fair", "FPLinQ") not in rows
    for goal in ("sum-rate", "proportional-fair"):
        assert rows[goal, "WMMSE 100 x 100"]["ratio"] == 1.0
        # More of both takes longer and is no worse.
        least, most = rows[goal, "WMMSE 1 x 1"], rows[goal, "WMMSE 1000 x 3000"]
        assert least["ratio"] < most["ratio"]
        assert least["ms"] * 20 < most["ms"]
        assert sum(row["ours"] for key, row in rows.items() if key[0] == goal) == len(EFFORTS)
    assert (tmp_path / "front.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--worlds ring mars", "--worlds mars: unknown; there are umi-downlink"),
        ("--count 0", "--count must be at least 1, got 0"),
        ("--out /no/such/folder/front.json", "cannot be written"),
    ],
)
def test_bad_words_are_refused_before_any_work(words: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        main(words.split())
