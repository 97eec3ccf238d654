"""`.venv/bin/dvc` from a shell that knows nothing of the environment: stages run with the environment's Python."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clone import copy_repository

BIN = Path(sys.executable).parent


@pytest.fixture
def plain_path(tmp_path: Path) -> str:
    """A PATH without the environment, on which `python` is another one that can run nothing of this repository."""
    other = tmp_path / "bin" / "python"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho 'another python' >&2\nexit 1\n")
    other.chmod(0o755)
    return os.pathsep.join([str(other.parent), "/usr/bin", "/bin"])


def test_a_stage_runs_with_the_environment_s_python(tmp_path: Path, plain_path: str) -> None:
    folder = copy_repository(tmp_path / "repository")
    answer = subprocess.run(
        [str(BIN / "dvc"), "repro", "--force", "--single-item", "check"],
        cwd=folder, env={"HOME": str(tmp_path), "PATH": plain_path, "DVC_NO_ANALYTICS": "1"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert answer.returncode == 0, f"{answer.stdout}\nIs this environment one that `make install` has made?"
    assert (folder / "artifacts/check/params.ok").is_file()


def test_other_programs_of_the_environment_leave_the_path_alone(plain_path: str) -> None:
    code = "import os; print(os.environ['PATH'])"
    answer = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": plain_path}, text=True, capture_output=True
    )
    assert answer.stdout.strip() == plain_path
