"""An installation that nobody can write to, and no home folder: what is asked for works all the same."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.clone import ROOT

LAYERS = ("gfm_ra", "components", "pipelines", "dags")
NOBODY = 65534
# In a mount namespace of its own, so that no mount outlives the command.
AS_NOBODY = f"""
set -e
mount --bind "$1" "$2"
mount -o remount,bind,ro "$2"
cd "$3"
shift 3
exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "$@"
"""
Ask = Callable[..., subprocess.CompletedProcess[str]]


def reachable(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that other users reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="gfm-ra-read-only-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "tree").mkdir()
        (folder / "out").mkdir()
        (folder / "out").chmod(0o777)
        yield folder


@pytest.fixture(scope="module")
def ask(place: Path) -> Iterator[Ask]:
    """Run a Python program whose code comes from a tree that it cannot write, without HOME."""
    tree, environment = place / "tree", {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    root = os.getuid() == 0
    if root and not (reachable(ROOT) and reachable(Path(sys.executable))):
        pytest.skip("the repository lies where other users cannot read it")
    if not root:
        for layer in LAYERS:
            shutil.copytree(ROOT / layer, tree / layer)
        subprocess.run(["chmod", "-R", "a-w", str(tree)], check=True)

    def run(*words: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
        folder = at or place / "out"
        command: Sequence[str] = [sys.executable, *words]
        if root:
            outside = ["unshare", "--mount", "sh", "-c", AS_NOBODY, "sh"]
            command = [*outside, str(ROOT), str(tree), str(folder), *command]
        return subprocess.run(
            command, cwd=folder, env=environment | {"PYTHONPATH": str(tree)}, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip

    yield run
    if not root:
        subprocess.run(["chmod", "-R", "u+w", str(tree)], check=True)


GFM_RA = ("-c", "import sys; from gfm_ra.cli import main; sys.exit(main())")


def test_the_tree_is_the_one_that_runs_and_cannot_be_written(ask: Ask, place: Path) -> None:
    code = "import os, gfm_ra, pipelines; print(os.path.expanduser('~')); open(gfm_ra.__file__ + '.x', 'w')"
    answer = ask("-c", f"import gfm_ra; print(gfm_ra.__file__); {code}")
    assert answer.stdout.splitlines()[0] == str(place / "tree/gfm_ra/__init__.py")
    assert "Read-only file system" in answer.stderr or "Permission denied" in answer.stderr


def test_simulated_gains_are_allocated(ask: Ask, place: Path) -> None:
    made = ask(*GFM_RA, "simulate", "gain.npy", "--scenario", "D16", "--count", "2")
    assert made.returncode == 0, made.stderr
    answer = ask(*GFM_RA, "allocate", "gain.npy", "power.npy")
    assert answer.returncode == 0, answer.stderr
    for said in (made.stderr, answer.stderr):
        assert "Traceback" not in said
        assert "Warning" not in said
    gain, power = (np.load(place / "out" / f"{name}.npy") for name in ("gain", "power"))
    assert power.shape == gain.shape[:2]
    assert set(os.listdir(place / "out")) == {"gain.npy", "power.npy"}


def test_doctor_finds_no_fault(ask: Ask, place: Path) -> None:
    for folder in (place / "out", place / "tree"):
        answer = ask(*GFM_RA, "doctor", at=folder)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        assert answer.stderr == ""
        assert "weights: any-world" in answer.stdout


def test_what_cannot_be_written_is_one_line(ask: Ask, place: Path) -> None:
    answer = ask(*GFM_RA, "simulate", "gain.npy", "--scenario", "D16", at=place / "tree")
    assert answer.returncode != 0
    (line,) = answer.stderr.splitlines()
    assert "gain.npy" in line or str(place / "tree") in line
