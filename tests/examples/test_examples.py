"""The examples run as they are, and a package can extend this one without touching its files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def run(*words: str, stdin: str = "", path: Path | None = None) -> str:
    places = [str(place) for place in (path, ROOT) if place is not None]
    done = subprocess.run(
        [sys.executable, *words], input=stdin, capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["radio_engineer", "researcher"])
def test_scripts_run(name: str) -> None:
    assert "sum-rate" in run(str(EXAMPLES / f"{name}.py"))


def test_a_stream_of_requests_survives_bad_ones() -> None:
    requests = [
        '{"gain_db": [[30, 2], [null, 28]]}',
        "nonsense",
        "[1]",
        '{"gain_db": [[1]], "x": 1}',
        '{"gain": [1]}',
    ]
    lines = run(str(EXAMPLES / "platform_engineer.py"), stdin="\n".join(requests)).splitlines()
    answers = [json.loads(line) for line in lines]
    assert answers[0]["source"] == "model, unchecked"
    assert all("error" in answer for answer in answers[1:])
    assert len(answers) == len(requests)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, as pip installs it."""
    copy = tmp_path_factory.mktemp("source") / "max_min"
    target = tmp_path_factory.mktemp("site")
    subprocess.run(["cp", "-r", str(EXAMPLES / "max_min"), str(copy)], check=True)
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target")
    subprocess.run([*pip, str(target), str(copy)], check=True, timeout=120)
    return target


SCRIPT = """
import json, numpy as np, gfm_ra
gain_db = np.random.default_rng(0).normal(5.0, 10.0, (4, 6, 6)) + 25.0 * np.eye(6)
fair = gfm_ra.load().allocate(gain_db=gain_db, goal="max-min")
plain = gfm_ra.load().allocate(gain_db=gain_db, goal="proportional-fair")
print(json.dumps([fair.utility.tolist(), plain.rate.min(-1).tolist(), fair.notes,
                  gfm_ra.load("everybody-at").allocate(gain_db=gain_db, effort="fast").power.tolist()]))
"""


def test_another_packages_goal_and_allocator_are_found_by_name(installed: Path) -> None:
    fair, plain, notes, half = json.loads(run("-c", SCRIPT, path=installed))
    assert all(mine > theirs for mine, theirs in zip(fair, plain, strict=True))
    assert "max-min is no goal that the network knows" in notes[0]
    assert half == [[0.5] * 6] * 4


def test_its_world_can_be_simulated_and_its_allocator_used_from_the_shell(
    installed: Path, tmp_path: Path
) -> None:
    main = ("-c", "from gfm_ra.cli import main; main()")
    run(*main, "simulate", str(tmp_path / "ring.npy"), "--scenario", "ring", "--count", "3", path=installed)
    assert np.load(tmp_path / "ring.npy").shape == (3, 8, 8)
    words = ("--model", "everybody-at", "--goal", "max-min", "--effort", "fast")
    run(*main, "allocate", str(tmp_path / "ring.npy"), str(tmp_path / "powers.npy"), *words, path=installed)
    assert (np.load(tmp_path / "powers.npy") == 0.5).all()


def test_without_that_package_its_goal_is_unknown() -> None:
    words = "import gfm_ra; gfm_ra.load().allocate(gain_db=[[1.0]], goal='max-min')"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, cwd=ROOT)
    assert "'max-min' is unknown: choose one of sum-rate" in done.stderr
