"""A constant that is edited counts at once, although compiled functions of before lie in numba's cache."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SIMULATE = """
import sys
from components.channel import Scenario, simulate
near = Scenario("near", 1, 0.5, 0.6, area_m=100.0, shadowing_db=0.0, fading="none")
sys.stdout.write(f"{simulate(near, 1, 1)[0, 0, 0]:.9g}")
"""
PLACE = """
import numpy as np
from components.channel.placement import place
from components.channel.scenario import Scenario
tight = Scenario("tight", 2, 60.0, 70.0, area_m=100.0)
print(place(tight, 20, np.random.default_rng(1)).transmitters.tobytes().hex())
"""
LISTEN = """
import torch
from components.model.pcgnn.max_aggregation import strongest
alone, gain = torch.ones(1, 1, 1, dtype=torch.bool), torch.zeros(1, 1, 1)
print(float(strongest(torch.zeros(1, 1, 16), torch.zeros(16, 2), torch.zeros(4, 16), gain, alone).max()))
"""
CONSTANTS = [
    (SIMULATE, "components/channel/path_loss.py", "CLAMP_M", "3.0"),
    (PLACE, "components/channel/placement.py", "RECEIVER_REDRAWS", "2"),
    (LISTEN, "components/model/pcgnn/__init__.py", "NEVER", "-5.0"),
]


def answer(program: str, tree: Path, cache: Path) -> str:
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(cache),
        "PYTHONPATH": str(tree),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("program", "file", "name", "value"), CONSTANTS, ids=[row[2] for row in CONSTANTS])
def test_an_edited_constant_counts_with_a_warm_cache(
    root: Path, tmp_path: Path, program: str, file: str, name: str, value: str
) -> None:
    tree, warm, cold = tmp_path / "tree", tmp_path / "warm", tmp_path / "cold"
    for package in ("components", "gfm_ra"):
        shutil.copytree(root / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    before = answer(program, tree, warm)
    assert any(warm.rglob("*.nbc"))  # compiled and kept
    source = tree / file
    edited, places = re.subn(rf"^{name} = \S+", f"{name} = {value}", source.read_text(), flags=re.MULTILINE)
    assert places == 1
    source.write_text(edited)
    after = answer(program, tree, warm)
    assert after != before
    assert after == answer(program, tree, cold)
