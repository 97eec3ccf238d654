"""Constants that are edited count at once, although compiled functions of before lie in numba's cache."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# By the constant that it depends on, and on no other: with no redraw needed, a receiver lies where it did.
ANSWERS = """
import json
import numpy as np
import torch
from components.channel import Scenario, simulate
from components.channel.placement import place
from components.model.pcgnn.max_aggregation import strongest
near = Scenario("near", 1, 0.5, 0.6, area_m=100.0, shadowing_db=0.0, fading="none")
tight = Scenario("tight", 2, 60.0, 70.0, area_m=100.0)
alone = torch.ones(1, 1, 1, dtype=torch.bool)
sender, edge, message = torch.zeros(1, 1, 16), torch.zeros(16, 2), torch.zeros(4, 16)
print(json.dumps({
    "CLAMP_M": f"{simulate(near, 1, 1)[0, 0, 0]:.9g}",
    "RECEIVER_REDRAWS": place(tight, 20, np.random.default_rng(1)).transmitters.tobytes().hex(),
    "NEVER": float(strongest(sender, edge, message, torch.zeros(1, 1, 1), alone).max()),
}))
"""
EDITS = (
    ("components/channel/path_loss.py", "CLAMP_M", "3.0"),
    ("components/channel/placement.py", "RECEIVER_REDRAWS", "2"),
    ("components/model/pcgnn/__init__.py", "NEVER", "-5.0"),
)


def answers(tree: Path, cache: Path) -> dict[str, str | float]:
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(cache),
        "PYTHONPATH": str(tree),
        "OMP_NUM_THREADS": "1",
        "NUMBA_OPT": "1",  # the cache is what this is about
    }
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS],
        env=environment,
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def edit(tree: Path, file: str, name: str, value: str) -> None:
    source = tree / file
    edited, places = re.subn(rf"^{name} = \S+", f"{name} = {value}", source.read_text(), flags=re.MULTILINE)
    assert places == 1
    source.write_text(edited)


def test_edited_constants_count_with_a_warm_cache(root: Path, tmp_path: Path) -> None:
    tree, warm, cold = tmp_path / "tree", tmp_path / "warm", tmp_path / "cold"
    for package in ("components", "gfm_ra"):
        shutil.copytree(root / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    before = answers(tree, warm)
    for function in ("_attenuate", "_place_all", "_forward"):
        assert any(warm.rglob(f"*.{function}-*.nbc")), function  # compiled and kept
    for each in EDITS:
        edit(tree, *each)
    after = answers(tree, warm)
    assert {name for _, name, _ in EDITS} == {name for name in before if after[name] != before[name]}
    assert after == answers(tree, cold)
