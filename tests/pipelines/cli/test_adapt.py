"""`gfm-ra adapt` from a file of gains to weights that `gfm-ra allocate` takes."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import WorldDistribution


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "import sys; from gfm_ra.cli import main; sys.exit(main())"]
    return subprocess.run([*program, *words], capture_output=True, text=True, cwd=cwd, check=False)


def test_from_gains_to_weights_to_powers(tmp_path: Path) -> None:
    gain_db = WorldDistribution().draw_of("pairs", 12, 6, torch_stream(1, "test", "cli")).numpy()
    np.save(tmp_path / "site.npy", gain_db)
    (tmp_path / "mine.py").write_text("def utility(rates):\n    return -(rates + 1e-3).pow(-2.0).sum(-1)\n")
    done = run("adapt", "site.npy", "--db", "--utility", "mine:utility", "-o", "weights", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "over zero-shot" in done.stderr
    answered = run("allocate", "site.npy", "powers.npy", "--db", "--model", "./weights", cwd=tmp_path)
    assert answered.returncode == 0, answered.stderr
    assert np.load(tmp_path / "powers.npy").shape == (12, 6)
    again = run("adapt", "site.npy", "--db", "-o", "weights", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "there already" in again.stderr


def test_what_cannot_be_is_one_line_before_any_work(tmp_path: Path) -> None:
    np.save(tmp_path / "site.npy", np.ones((4, 3, 3), np.float32))
    for words, said in (
        (("--utility", "mine"), "module:function"),
        (("--utility", "nowhere:f"), "no module nowhere"),
        (("--goal", "qos", "--alpha", "2"), "alpha belongs to"),
        (("--goal", "energy-efficiency"), "does not know it yet"),
        (("--weights", "unheard-of"), "no weights"),
    ):
        done = run("adapt", "site.npy", "-o", "weights", *words, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "weights").exists()
