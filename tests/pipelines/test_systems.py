"""Where the pipelines run, and what a system on which they do not is told."""

import subprocess
import sys
from pathlib import Path


def test_windows_is_refused_in_one_line(root: Path) -> None:
    code = "import sys; sys.platform = 'win32'; import pipelines.runtime.runs"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    assert answer.stderr == (
        "gfm-ra: Windows is not supported (file locks, process handles): use Linux, or Linux under WSL 2\n"
    )
