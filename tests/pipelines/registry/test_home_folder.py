"""Nothing that imports onnxruntime leaves traces of it in the home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "pipelines/registry/pyfunc_model.py"
# A traceback of the import says enough where one fails.
SCRIPTS = {
    "training, exports": "import components.model.export",
    "registry": "import pipelines.registry.pyfunc_program",
    "the program in registered models": f"exec(compile(open({PROGRAM!r}).read(), {PROGRAM!r}, 'exec'))",
    "service": "import pipelines.serving.application, onnxruntime",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_importing_onnxruntime_writes_nothing_there(root: Path, tmp_path: Path, script: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    # It writes a little later than it is imported, in a thread of its own.
    check = "import sys, time; assert 'onnxruntime' in sys.modules; time.sleep(1)"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{script}\n{check}"],
        cwd=root,
        check=True,
        env=environment | {"HOME": str(tmp_path)},
        timeout=120,
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
