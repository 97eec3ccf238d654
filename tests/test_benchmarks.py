"""The benchmarks for accelerators run on any machine, small, and say what they are asked for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
# What a machine for training only has: no cluster, no tracker, no compiler.
ABSENT = ("ray", "mlflow", "dvc", "typer", "numba", "onnx", "onnxruntime", "scipy", "pipelines")
BARE = f"""
import runpy, sys
for name in {ABSENT}:
    sys.modules[name] = None
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
PAIR = ("gfm-ra-prompted", "gfm-ra-prompted-polished")


def run(root: Path, folder: Path, module: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BARE, module, *words],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_one_table_of_what_an_accelerator_does(root: Path, tmp_path: Path) -> None:
    told = run(root, tmp_path, "benchmarks.gpu", "--device", "cpu", "--quick", "--precision", "float32")
    for line in (
        "checked against float64",
        "simulate",
        "WMMSE",
        "Algorithm 1",
        "with goals",
        "prompted model",
    ):
        assert line in told


def test_the_papers_scale_in_small_and_taken_up_again(root: Path, tmp_path: Path) -> None:
    words = ["--device", "cpu", "--quick", "--out", str(tmp_path / "run")]
    told = run(root, tmp_path, "benchmarks.paper_scale", *words)
    assert "proportional-fair" in told
    first = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert set(first["qos"]) == {"D16", "D17", "D18", "D19", "D20"}
    for by_method in first["sum-rate"].values():
        zero_shot, polished = (by_method[f"{name} / best-sum-rate"][0] for name in PAIR)
        assert zero_shot < polished < 1.1
    # Interrupted while it evaluated: what was finished is kept, the rest comes out the same.
    (tmp_path / "run" / "evaluation.json").unlink()
    (tmp_path / "run" / "evaluated" / "D18-8-4-3.json").unlink()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "evaluated").iterdir()}
    run(root, tmp_path, "benchmarks.paper_scale", *words)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text()) == first
