"""A stage ends with the DVC above it, and with nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

CHILD = (
    "import os, subprocess, time; from pipelines.runtime import parent_watchdog; parent_watchdog.follow(); "
    "below = subprocess.Popen(['sleep', '600']); print(os.getpid(), below.pid, flush=True); time.sleep(600)"
)
# What starts the stage and waits for it, through a shell in between as DVC may do.
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


@pytest.fixture(params=["dvc", "somebody"])
def started(
    request: pytest.FixtureRequest, tmp_path: Path, root: Path
) -> Iterator[tuple[str, psutil.Popen, list[psutil.Process]]]:
    """A program of a name, the stage that it started, and what that started."""
    program = tmp_path / request.param
    program.write_text(PARENT)
    parent = psutil.Popen(
        [sys.executable, str(program)], cwd=root, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
    )
    family = [psutil.Process(int(word)) for word in parent.stdout.readline().split()]
    yield request.param, parent, family
    for process in (parent, *family):
        if process.is_running():
            process.kill()
    parent.wait(10)
    parent.stdout.close()


def test_killing_dvc_ends_its_stage_and_killing_somebody_else_does_not(
    started: tuple[str, psutil.Popen, list[psutil.Process]],
) -> None:
    name, parent, family = started
    assert all(process.is_running() for process in family)
    parent.kill()
    parent.wait(10)
    # One that must end may take its time on a busy machine; one that must not has ended by then if it ever does.
    _, alive = psutil.wait_procs(family, timeout=120 if name == "dvc" else 5)
    assert len(alive) == (0 if name == "dvc" else 2)


def test_a_stage_whose_dvc_ended_before_it_could_look_ends_too(root: Path) -> None:
    code = (
        "import os, time; os.fork() and os._exit(0); time.sleep(0.5); from pipelines.runtime import parent_watchdog; "
        "parent_watchdog.follow(); print('at work', flush=True)"
    )
    for stage, said in (("simulate", ""), ("", "at work\n")):
        environment = {**os.environ, "DVC_STAGE": stage}
        answer = subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert answer.stdout == said


NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc")


def can_make_namespaces() -> bool:
    return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_make_namespaces(), reason="PID namespaces need a privilege that is missing here")
def test_a_stage_runs_to_its_end_where_dvc_is_process_1(tmp_path: Path, root: Path) -> None:
    # As in a container: DVC runs a stage as `$SHELL -c cmd`, and bash replaces itself by a single command.
    stage = "from pipelines.runtime import parent_watchdog; parent_watchdog.follow(); print('at work', flush=True)"
    program = tmp_path / "dvc"
    program.write_text(
        "import os, subprocess, sys; assert os.getpid() == 1\n"
        f"sys.exit(subprocess.run(['bash', '-c', sys.executable + ' ' + {str(tmp_path / 'stage.py')!r}]).returncode)"
    )
    (tmp_path / "stage.py").write_text(f"import os; assert os.getppid() == 1; {stage}")
    environment = os.environ | {"DVC_STAGE": "simulate", "PYTHONPATH": str(root)}
    answer = subprocess.run(
        [*NAMESPACE, sys.executable, str(program)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
    )  # fmt: skip
    assert (answer.returncode, answer.stdout) == (0, "at work\n")
