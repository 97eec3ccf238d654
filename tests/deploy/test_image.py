"""One variable names the image and its version; the image has the locked versions, and the whole repository."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pathspec
import pytest
import yaml

from tests.deploy.conftest import make_manifests
from tests.test_locks import RUN_TIME, versions


def images(tree: Any) -> Iterator[str]:
    """Every value of a key `image`, at any depth."""
    if isinstance(tree, dict):
        yield from (value for key, value in tree.items() if key == "image")
        tree = list(tree.values())
    if isinstance(tree, list):
        for item in tree:
            yield from images(item)


def test_one_variable_names_the_image_of_every_manifest(root: Path, manifests: Path, image: str) -> None:
    written = sorted(manifests.glob("*.yaml"))
    assert [path.name for path in written] == [path.name for path in sorted((root / "deploy").glob("*.yaml"))]
    for path in written:
        found = list(images(list(yaml.safe_load_all(path.read_text()))))
        assert set(found) == {image}, path.name


def test_unless_told_otherwise_the_image_has_the_package_s_version(tmp_path: Path, root: Path) -> None:
    assert make_manifests(tmp_path, root).returncode == 0
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    (found,) = images(yaml.safe_load((tmp_path / "build/deploy/ray-cluster.yaml").read_text()))
    assert found == f"gfm-ra:{version}"


@pytest.mark.parametrize("name", ["gfm-ra", "gfm-ra:latest", "registry.example:5000/gfm-ra", "gfm-ra:"])
def test_an_image_without_a_version_is_refused_in_one_line(tmp_path: Path, root: Path, name: str) -> None:
    answer = make_manifests(tmp_path, root, f"IMAGE={name}")
    assert answer.returncode != 0
    assert f"IMAGE={name} names no version: say IMAGE=" in answer.stderr
    assert not (tmp_path / "build").exists()


@pytest.fixture
def instructions(root: Path) -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, comments left out and continued lines joined."""
    lines = [
        line for line in (root / "deploy/Dockerfile").read_text().splitlines() if not line.startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(" ")[0], line.partition(" ")[2]) for line in joined.splitlines() if line]


def test_the_base_image_has_the_locked_ray(root: Path, instructions: list[tuple[str, str]]) -> None:
    assert {name for name, _ in instructions} <= {"FROM", "USER", "RUN", "COPY"}
    ray = versions(root / RUN_TIME)["ray"]
    assert instructions[0] == ("FROM", f"rayproject/ray:{ray}-py311-gpu")


def test_what_is_copied_exists_and_what_is_installed_was_copied(
    root: Path, instructions: list[tuple[str, str]]
) -> None:
    present: set[str] = set()
    for name, argument in instructions:
        words = [word for word in argument.split() if not word.startswith("--")]
        if name == "COPY":
            *sources, target = words
            assert all((root / source).exists() for source in sources), argument
            present |= {target.rstrip("/") + ("" if source == "." else f"/{source}") for source in sources}
        elif name == "RUN" and "pip install" in argument:
            assert set(re.findall(r"(?:-r|-e) (\S+)", argument)) <= present, argument
    assert "/opt/gfm-ra" in present


def test_the_image_has_the_run_time_s_versions_only(instructions: list[tuple[str, str]]) -> None:
    installs = [argument for name, argument in instructions if name == "RUN" and "pip install" in argument]
    assert sum("--require-hashes -r /tmp/requirements.lock" in argument for argument in installs) == 1
    assert all("requirements-dev" not in argument for _, argument in instructions)


def test_the_user_at_the_end_is_not_root(instructions: list[tuple[str, str]]) -> None:
    assert [argument for name, argument in instructions if name == "USER"][-1] == "ray"


def test_no_tracked_file_is_kept_out_of_the_image(root: Path) -> None:
    # Read as git's rules: where the two differ, git's match more.
    rules = pathspec.GitIgnoreSpec.from_lines(
        (root / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    )
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True)
    assert list(rules.match_files(tracked.stdout.splitlines())) == []
    assert rules.match_file("mlflow.db")
    assert rules.match_file("data/simulate/D1.parquet")
