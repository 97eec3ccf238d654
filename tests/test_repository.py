"""What lies in the repository: nothing that its own rules call generated."""

import subprocess
from pathlib import Path


def test_git_ignores_nothing_that_it_tracks(root: Path) -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert listed.stdout.splitlines() == []
