"""A disk that is full in the middle of each stage: one clear line, former outputs untouched, and on it goes later."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clone import attempt, copy_repository, environment, run

SIZE_MB, LEFT_KB = 600, 24
# Stages that write less than that: for them the disk is full from the start.
LITTLE = ("pipelines.stages.scratch_baseline", "pipelines.stages.goal_study")
# In the order of the chain; the early check of free space is switched off, since it would refuse every one at once.
STAGES = (
    ("simulate",), ("solve",), ("sweep",), ("pretrain", "--model", "hybrid"), ("pretrain", "--model", "prompted"),
    ("finetune", "--objective", "qos"), ("scratch_baseline",), ("evaluate",), ("goal_study",), ("register",),
    ("report",),
)  # fmt: skip
OTHER_DAGS = ("dags/figures",)
FIGURES = ("ablations", "few_shot", "speed_quality", "paper_figures")
PROGRAMS = (
    *((f"pipelines.stages.{stage[0]}", *stage[1:]) for stage in STAGES),
    *(("dags.within", "dags/figures", f"pipelines.studies.{stage}") for stage in FIGURES),
)
WITHOUT_CHECK = (
    "import runpy, sys, pipelines.runtime.stage as stage; stage.MIN_FREE_BYTES = 0; module = sys.argv[1]; "
    "sys.argv = sys.argv[1:]; runpy.run_module(module, run_name='__main__', alter_sys=True)"
)

pytestmark = [pytest.mark.slow, pytest.mark.chain]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def chain(disk: Path) -> Path:
    """The smoke chain and the figures' DAG, complete, on that disk."""
    folder = copy_repository(disk / "repository")
    run(folder, "dvc", "repro", within_s=1200)
    for dag in OTHER_DAGS:
        run(folder, sys.executable, "-m", "dags.profile", "smoke", dag)
        run(folder, "dvc", "repro", f"{dag}/dvc.yaml", within_s=1200)
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in ("artifacts", "data", "metrics", *OTHER_DAGS)
        for path in sorted((folder / part).rglob("*"))
        if path.is_file() and ".resume" not in path.parts
    }


def fill(folder: Path, left_kb: int = LEFT_KB) -> Path:
    """Take all space but so much."""
    ballast = folder / "ballast"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - left_kb * 1024))
    return ballast


@pytest.mark.parametrize("program", PROGRAMS, ids=" ".join)
def test_every_stage(chain: Path, disk: Path, tmp_path: Path, program: tuple[str, ...]) -> None:
    before = digests(chain)
    # The registry lies on another disk, as a server would: what fills up is the stage's own.
    given = environment(chain) | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    ballast = fill(disk, 0 if program[0] in LITTLE else LEFT_KB)
    try:
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", WITHOUT_CHECK, *program],
            cwd=chain, env=given, text=True, capture_output=True, timeout=300,
        )  # fmt: skip
    finally:
        ballast.unlink()
    assert answer.returncode == 1, answer.stdout[-2000:] + answer.stderr[-2000:]
    lines = [line for line in answer.stderr.splitlines() if line.strip()]
    assert "Traceback" not in answer.stderr, answer.stderr[-3000:]
    assert "no space left" in lines[-1].lower(), answer.stdout[-2000:] + answer.stderr[-3000:]
    assert digests(chain) == before


def test_afterwards_nothing_has_changed_and_everything_still_works(chain: Path) -> None:
    for dag in (".", *OTHER_DAGS):
        assert "up to date" in run(chain, "dvc", "status", f"{dag}/dvc.yaml")
    status, output = attempt(chain, "dvc", "repro", "-f", "-s", "simulate")
    assert status == 0, output


def test_too_little_space_is_refused_before_any_work(chain: Path, disk: Path) -> None:
    ballast = fill(disk)
    try:
        status, output = attempt(chain, sys.executable, "-m", "pipelines.stages.simulate")
    finally:
        ballast.unlink()
    assert status == 1
    assert "MiB are needed: free some space" in output.replace("\n", " ")
