"""kill -9 of `dvc repro` at twenty points of its work: it always completes, with the outputs of an undisturbed run.

Only the one process is killed, as the system does when memory is short: what it had started must end by itself.
"""

import random
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.clone import attempt, copy_repository, environment, run

KILLS, SEED = 20, 7
# A point: in the first or the second stage of an attempt, as soon as so many more files have appeared.
MOST_STAGES, MOST_FILES = 2, 12
LEAST_STAGES = 6
# Bounds, not expectations: no stage of the smoke profile takes as long, and nothing outlives its dvc as long.
STAGE_WITHIN_S, GONE_WITHIN_S = 1800.0, 300.0
# The page that holds times; nothing is made from it.
WITH_TIMES = ("artifacts/report",)

pytestmark = [pytest.mark.slow, pytest.mark.chain]


def outputs(folder: Path) -> dict[str, str]:
    """Checksum of every output, as DVC has recorded it."""
    stages: dict[str, Any] = yaml.safe_load((folder / "dvc.lock").read_text())["stages"]
    found = {out["path"]: out["md5"] for stage in stages.values() for out in stage["outs"]}
    return {path: md5 for path, md5 in found.items() if path not in WITH_TIMES}


def forget(folder: Path) -> None:
    """As if nothing had ever been run here."""
    for made in ("artifacts", "data", ".resume", "mlartifacts", ".dvc/tmp", ".dvc/cache"):
        shutil.rmtree(folder / made, ignore_errors=True)
    for path in (folder / "dvc.lock", folder / "mlflow.db"):
        path.unlink(missing_ok=True)
    run(folder, "git", "checkout", "-q", "--", "artifacts", "data")


class Attempt:
    """One `dvc repro`, which is killed at a point of its work, and everything that it has started."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        with log.open("w") as file:
            self.program = psutil.Popen(
                ["dvc", "repro"], cwd=folder, env=environment(folder), stdout=file, stderr=subprocess.STDOUT
            )
        self.family: set[psutil.Process] = set()

    def stages(self) -> list[str]:
        """The stages that have begun."""
        return [line for line in self.log.read_text().splitlines() if line.startswith("Running stage")]

    def files(self) -> set[Path]:
        """What unfinished work has left so far."""
        return set((self.folder / ".resume").rglob("*"))

    def goes_on(self, until: Callable[[], bool]) -> bool:
        """Wait for this; False if the chain has ended before."""
        end = time.monotonic() + STAGE_WITHIN_S
        while not until():
            assert time.monotonic() < end, self.log.read_text()[-3000:]
            if self.program.poll() is not None:
                return False
            with suppress(psutil.Error):  # something ended while it was looked at
                self.family |= set(self.program.children(recursive=True))
            time.sleep(0.02)
        return True

    def killed_at(self, stage: int, more_files: int) -> bool:
        """Kill it in its stage of this number, after so many more files, or in the next; False if it ended before."""
        if not self.goes_on(lambda: len(self.stages()) >= stage):
            return False
        before = self.files()
        if not self.goes_on(lambda: len(self.files() - before) >= more_files or len(self.stages()) > stage):
            return False
        with suppress(psutil.Error):
            self.family |= set(self.program.children(recursive=True))
        self.program.kill()
        self.program.wait(30)
        return True

    def left_running(self) -> list[list[str]]:
        """What it had started and what has not ended by itself."""
        _, alive = psutil.wait_procs(self.family, timeout=GONE_WITHIN_S)
        return [process.cmdline() for process in alive]


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    folder, points, log = copy_repository(tmp_path / "repository"), random.Random(SEED), tmp_path / "log"
    # The committed lock is of another profile and would only be in the way of the comparison.
    (folder / "dvc.lock").unlink()
    killed_in: list[str] = []
    made: list[dict[str, str]] = []
    for _ in range(2 * KILLS):
        if len(killed_in) == KILLS:
            break
        attempted = Attempt(folder, log)
        killed = attempted.killed_at(points.randint(1, MOST_STAGES), points.randint(0, MOST_FILES))
        assert attempted.left_running() == []
        if killed:
            killed_in.append(attempted.stages()[-1])
            continue
        # It came to its end before that point: what it made is compared below, and it starts anew.
        assert attempted.program.returncode == 0, log.read_text()[-3000:]
        made.append(outputs(folder))
        forget(folder)
    assert len(killed_in) == KILLS
    assert len(set(killed_in)) >= LEAST_STAGES, f"too few stages to say anything: {killed_in}"
    status, output = attempt(folder, "dvc", "repro", within_s=1200)
    assert status == 0, output[-3000:]
    assert "up to date" in run(folder, "dvc", "status", "dvc.yaml")
    assert not [path for path in (folder / ".resume").rglob("*") if path.is_file()]
    made.append(outputs(folder))

    forget(folder)
    run(folder, "dvc", "repro", within_s=1200)
    undisturbed = outputs(folder)
    assert all(disturbed == undisturbed for disturbed in made)
