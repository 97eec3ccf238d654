"""kill -9 of `dvc repro` at twenty random moments: it always completes, with the outputs of an undisturbed run.

Only the one process is killed, as the system does when memory is short: what it had started must end by itself.
"""

import random
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests.clone import attempt, copy_repository, environment, run

KILLS, SEED = 20, 7
EARLIEST_S, LATEST_S = 2.0, 60.0
LEAST_STAGES = 6
GONE_WITHIN_S = 40.0
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


def interrupted(folder: Path, after_s: float, log: Path) -> tuple[int | None, list[psutil.Process]]:
    """Start `dvc repro`, kill it after a while; its status if it had ended before, and what it has left running."""
    with log.open("a") as file:
        program = psutil.Popen(
            ["dvc", "repro"], cwd=folder, env=environment(folder), stdout=file, stderr=subprocess.STDOUT
        )
    family: set[psutil.Process] = set()
    end = time.monotonic() + after_s
    while time.monotonic() < end and program.is_running() and program.status() != psutil.STATUS_ZOMBIE:
        with suppress(psutil.Error):  # something ended while it was looked at
            family |= set(program.children(recursive=True))
        time.sleep(0.1)
    status = program.poll()
    with suppress(psutil.Error):
        family |= set(program.children(recursive=True)) if status is None else set()
    program.kill()
    program.wait(30)
    _, alive = psutil.wait_procs(family, timeout=GONE_WITHIN_S)
    return status, alive


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    folder, moments, log = copy_repository(tmp_path / "repository"), random.Random(SEED), tmp_path / "log"
    # The committed lock is of another profile and would only be in the way of the comparison.
    (folder / "dvc.lock").unlink()
    killed_in: list[str] = []
    made: list[dict[str, str]] = []
    while len(killed_in) < KILLS:
        status, alive = interrupted(folder, moments.uniform(EARLIEST_S, LATEST_S), log)
        assert not alive, f"orphans: {[process.cmdline() for process in alive]}"
        if status is None:
            stages = [line for line in log.read_text().splitlines() if line.startswith("Running stage")]
            killed_in.append(stages[-1] if stages else "before the first stage")
            continue
        # It came to its end between two kills: what it made is compared below, and it starts anew.
        assert status == 0, log.read_text()[-3000:]
        made.append(outputs(folder))
        forget(folder)
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
