"""Architectures at equal training time: every arm trains, answers, and is measured the same way."""

import json
from pathlib import Path

import pytest

from benchmarks.worlds import architectures
from benchmarks.worlds.architectures import ARMS, main


def test_every_arm_trains_and_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(architectures, "COUNT", 2)
    monkeypatch.setattr(architectures, "SIZES", (5,))
    monkeypatch.setattr(architectures, "HOME", ("D16",))
    monkeypatch.setattr(architectures, "BATCH", 4)
    out = tmp_path / "architectures.json"
    monkeypatch.setattr(
        "sys.argv", ["architectures", "--minutes", "0.003", "--seeds", "1", "--out", str(out)]
    )
    main()
    rows = json.loads(out.read_text())["rows"]
    assert [row["arm"] for row in rows] == list(ARMS)
    for row in rows:
        assert row["steps"][0] >= 1
        assert 0.0 < row["home, sum rate, pass"][0] <= row["home, sum rate, pass + 20"][0] * 1.01
        assert row["home, sum rate, six draws + 20"][0] >= row["home, sum rate, pass + 20"][0] - 1e-3
    assert "transformer" in capsys.readouterr().out
