"""The manifests as a person gets them: `make manifests` with a name and version of the image."""

import shutil
import subprocess
from pathlib import Path

import pytest

IMAGE = "registry.example:5000/team/gfm-ra:1.2.3"


def make_manifests(folder: Path, root: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make manifests` in a folder that has what it reads."""
    shutil.copytree(root / "deploy", folder / "deploy", dirs_exist_ok=True)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(root / name, folder / name)
    return subprocess.run(["make", "manifests", *variables], cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="session")
def image() -> str:
    return IMAGE


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory, root: Path, image: str) -> Path:
    """The folder of the written manifests."""
    folder = tmp_path_factory.mktemp("manifests")
    answer = make_manifests(folder, root, f"IMAGE={image}")
    assert answer.returncode == 0, answer.stderr
    return folder / "build/deploy"
