"""A copy of the working tree as a repository of its own, and commands in it as a newcomer would give them."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def environment(folder: Path) -> dict[str, str]:
    """This interpreter's programs first on the path, the copy's code, and nothing of the caller's services."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONPATH": str(folder)}
    for name in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS"):
        found.pop(name, None)
    return found


def attempt(folder: Path, *command: str, within_s: float = 600.0) -> tuple[int, str]:
    """Run a command in the copy: its exit status and its output, both streams."""
    answer = subprocess.run(
        command, cwd=folder, env=environment(folder), text=True, timeout=within_s,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return answer.returncode, answer.stdout


def run(folder: Path, *command: str, within_s: float = 600.0) -> str:
    """The same for a command that must succeed: its output."""
    status, output = attempt(folder, *command, within_s=within_s)
    assert status == 0, f"{' '.join(command)}\n{output[-4000:]}"
    return output


def copy_repository(folder: Path, profile: str = "smoke", dag: str = ".") -> Path:
    """Copy what git would see of the working tree, commit it there, and choose a profile."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "-A")
    run(folder, "git", *identity, "commit", "-qm", "copy")
    run(folder, sys.executable, "-m", "dags.profile", profile, dag)
    return folder
