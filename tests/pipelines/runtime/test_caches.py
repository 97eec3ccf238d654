"""Compiled functions find a place where neither the code nor the home can be written, and only a safe one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.runtime import caches

PROGRAM = "import os, pipelines; print(os.environ.get('NUMBA_CACHE_DIR'))"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No home, no writable code; temporary files in a folder of the test."""
    monkeypatch.delenv(caches.VARIABLE, raising=False)
    monkeypatch.setenv("HOME", "/proc/none")
    monkeypatch.setattr(caches.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def chosen(root: Path = Path("/proc")) -> Path:
    caches.choose_cache(root / "none")
    return Path(os.environ[caches.VARIABLE])


def test_without_a_writable_place_there_is_a_folder_of_the_user_s_own(nowhere: Path) -> None:
    folder = chosen()
    assert folder == nowhere / f"gfm-ra-cache-{os.getuid()}"
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_others_can_write_is_not_used(nowhere: Path) -> None:
    planted = nowhere / f"gfm-ra-cache-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    assert chosen() != planted


def test_a_writable_place_and_what_the_user_set_stay(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    caches.choose_cache(nowhere)
    assert caches.VARIABLE not in os.environ
    monkeypatch.setenv(caches.VARIABLE, "/somewhere")
    assert chosen() == Path("/somewhere")


@pytest.mark.parametrize("address", ["", "127.0.0.1:1"])
def test_a_user_without_a_home_can_import_it(address: str, root: Path) -> None:
    environment = {"PYTHONPATH": str(root), "RAY_ADDRESS": address, "HOME": ""}
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
