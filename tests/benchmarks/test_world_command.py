"""`python -m benchmarks.worlds`: one table of a model and of anybody's allocator; bad input is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.worlds.__main__ import main
from benchmarks.worlds.references import BEST, SOLVERS
from benchmarks.worlds.run import GOALS, Row, measure
from benchmarks.worlds.table import SHA256, WORLDS
from benchmarks.worlds.world import networks
from gfm_ra.errors import InputError

MINE = """
import numpy as np
calls = []
def full(gain, goal):
    assert gain.dtype == np.float32 and gain.shape[1] == gain.shape[2]
    assert goal.name in ("sum-rate", "proportional-fair", "alpha-fair", "qos")
    gain[:] = 0.0  # ours alone
    return np.ones(gain.shape[:2])
def one(gain, goal):
    return np.ones(gain.shape[-1])
def nan(gain, goal):
    return np.where(np.eye(gain.shape[-1])[0], np.nan, 0.5) * np.ones(gain.shape[:2])
def much(gain, goal):
    return np.full(gain.shape[:2], 1.5)
def fails(gain, goal):
    raise KeyError("no such network")
def deep(gain, goal):
    return np.linalg.inv(gain * 0)
number = 7
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"mine_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    return name


def command(root: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.worlds", *words],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_one_command_measures_the_model_and_an_allocator_of_ones_own(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    words = "--worlds log-normal office-open-downlink --count 5 --efforts balanced --allocator mine:full"
    done = command(root, tmp_path, *words.split(), "--out", "rows.json", "--plot", "picture.png")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    assert (tmp_path / "picture.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    told = json.loads((tmp_path / "rows.json").read_text())
    assert told["networks"] == 5
    assert told["sha256"] == {name: SHA256[name] for name in ("log-normal", "office-open-downlink")}
    rows = {(row["world"], row["goal"], row["method"]): row for row in told["rows"]}
    methods = {method for _, _, method in rows}
    assert {*SOLVERS, "fractional power control", "closed loop", "mine:full"} < methods
    assert len(methods) == len(SOLVERS) + 4  # one effort of one model
    assert len(rows) == 2 * len(GOALS) * len(methods) == sum("office-open" in key[0] for key in rows) * 2
    (model,) = (method for method in methods if method.endswith(" balanced"))
    for (world, goal, method), row in rows.items():
        assert row["low"] <= row["ratio"] <= row["high"]
        assert f"{row['mean']:.3f}" in done.stdout
        if method == "mine:full":
            assert row["ratio"] == rows[world, goal, "full power"]["ratio"]
            assert rows[world, goal, model]["mean"] >= row["mean"] * (1 - 1e-6)
        assert (row["setting"] is not None) == (method in ("fractional power control", "closed loop"))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "mine.py", "picture.png", "rows.json",
    ]  # fmt: skip


def test_an_allocator_that_cannot_be_used_is_one_line_and_leaves_nothing(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    words = "--worlds ring --count 2 --efforts --out rows.json --allocator mine:fails"
    done = command(root, tmp_path, *words.split())
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("benchmarks.worlds: --allocator mine:fails: it failed in ")
    assert "mine.py:16: KeyError: 'no such network'" in line
    assert not (tmp_path / "rows.json").exists()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("{mine}", "name it module:function"),
        ("no.such.module:f", "no.such.module cannot be imported: ModuleNotFoundError"),
        ("{mine}:none", "has no function none"),
        ("{mine}:number", "has no function number"),
        ("{mine}:deep", r"it failed in .*/mine_\w+.py:18: LinAlgError: Singular matrix"),
        ("{mine}:one", r"powers must be \(2, 16\) numbers, it answered float64 \(16,\)"),
        ("{mine}:nan", "0 to 1, it answered nan for link 0 of network 0"),
        ("{mine}:much", "0 to 1, it answered 1.5 for link 0 of network 0"),
    ],
)
def test_every_kind_of_bad_allocator_is_told(mine: str, what: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        main(["--worlds", "ring", "--count", "2", "--efforts", "--allocator", what.format(mine=mine)])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--worlds ring mars", "--worlds mars: unknown; there are umi-downlink"),
        ("--count 0", "--count must be at least 1, got 0"),
        ("--weights no-such-weights", "no-such-weights"),
        ("--out /no/such/folder/rows.json", "cannot be written"),
        ("--plot .", "cannot be written"),
    ],
)
def test_bad_words_are_refused_before_any_work(words: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        main(words.split())


def test_rows_hold_what_they_say() -> None:
    def silent_but_one(gain: np.ndarray, goal: object) -> np.ndarray:
        return np.eye(gain.shape[-1])[0] * np.ones(gain.shape[:2])

    (rows,) = measure([WORLDS["equal"]], ["sum-rate"], 6, {"one": silent_but_one})
    by_method: dict[str, Row] = {row.method: row for row in rows}
    best, one, full = (by_method[name] for name in (BEST, "one", "full power"))
    assert best[4:8] == (1.0, 1.0, 1.0, 1.0)
    # Where all gains g are equal, one link alone has log2(1 + g), and ten have 10 log2(1 + g / (1 + 9 g)).
    gain = 10.0 ** (networks(WORLDS["equal"], 6)[:, 0, 0].astype(float) / 10.0)
    assert one.mean == pytest.approx(np.log2(1.0 + gain).mean(), rel=1e-5)
    assert full.mean == pytest.approx(10.0 * np.log2(1.0 + gain / (1.0 + 9.0 * gain)).mean(), rel=1e-5)
    assert full.cell_edge == pytest.approx(
        np.quantile(np.log2(1.0 + gain / (1.0 + 9.0 * gain)), 0.05), rel=0.05
    )
    assert one.cell_edge == 0.0
    assert one.ratio == pytest.approx(one.mean / best.mean)
    assert one.first_percentile <= one.low <= one.ratio
