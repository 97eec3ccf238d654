"""The lock files answer pyproject.toml: every range has a version, every version hashes, none names a machine."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RUN_TIME, DEVELOPMENT, TORCH = "requirements.lock", "requirements-dev.lock", "requirements-torch.txt"
DOCUMENTATION = "requirements-docs.lock"


def entries(path: Path) -> list[tuple[Requirement, int]]:
    """Every requirement of a lock file, and how many hashes follow it."""
    text = path.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(Requirement(line.split(" --hash")[0]), line.count("--hash=sha256:")) for line in lines]


def versions(path: Path) -> dict[str, str]:
    """The one version of every package that a lock file names."""
    found = {}
    for requirement, _ in entries(path):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{path.name}: {requirement}"
        assert requirement.name not in found, f"{path.name}: {requirement.name} has several versions"
        found[canonicalize_name(requirement.name)] = specifier.version
    return found


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


def needed(project: dict[str, Any]) -> list[str]:
    """What a clone needs: the package's own dependencies, and those of extra `pipelines` and of the extras it names."""
    extras = project["project"]["optional-dependencies"]
    found, pending = list(project["project"]["dependencies"]), ["pipelines"]
    for extra in pending:
        for text in extras[extra]:
            if Requirement(text).name == project["project"]["name"]:
                pending += sorted(Requirement(text).extras)
            else:
                found.append(text)
    return found


def check_ranges(wanted: list[str], found: dict[str, str]) -> None:
    for requirement in map(Requirement, wanted):
        version = found.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not locked"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: locked {version}"


def test_what_the_project_needs_is_locked_within_its_ranges(root: Path, project: dict[str, Any]) -> None:
    run_time = versions(root / RUN_TIME)
    check_ranges(needed(project), run_time | versions(root / TORCH))
    check_ranges(project["dependency-groups"]["dev"], versions(root / DEVELOPMENT))


def test_run_time_and_development_agree_and_are_apart(root: Path) -> None:
    run_time, development = versions(root / RUN_TIME), versions(root / DEVELOPMENT)
    both = run_time.keys() & development.keys()
    assert {name: run_time[name] for name in both} == {name: development[name] for name in both}
    assert not {"pytest", "ruff", "pyright", "uv"} & run_time.keys()


@pytest.mark.parametrize("name", [RUN_TIME, DEVELOPMENT, DOCUMENTATION])
def test_every_version_has_hashes(root: Path, name: str) -> None:
    found = entries(root / name)
    assert found
    assert [str(requirement) for requirement, hashes in found if hashes == 0] == []


def test_torch_is_apart_and_of_no_particular_build(root: Path) -> None:
    assert list(versions(root / TORCH)) == ["torch"]
    locked = versions(root / RUN_TIME)
    assert [name for name in locked if name.startswith(("torch", "nvidia", "cuda", "triton"))] == []


@pytest.mark.parametrize("name", [RUN_TIME, DEVELOPMENT, DOCUMENTATION, TORCH])
def test_no_lock_names_a_machine_or_an_index(root: Path, name: str) -> None:
    assert re.findall(r"://|\+cpu|\+cu\d|--(?:extra-)?index|--find-links", (root / name).read_text()) == []


@pytest.mark.parametrize("python", ["3.11", "3.12"])
@pytest.mark.parametrize("machine", [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")])
def test_the_same_versions_serve_every_supported_python_and_system(
    root: Path, project: dict[str, Any], python: str, machine: tuple[str, str]
) -> None:
    where = {
        "python_version": python, "python_full_version": f"{python}.0", "sys_platform": machine[0],
        "platform_machine": machine[1], "implementation_name": "cpython", "platform_python_implementation": "CPython",
    }  # fmt: skip
    installed = {
        canonicalize_name(requirement.name)
        for requirement, _ in entries(root / RUN_TIME)
        if requirement.marker is None or Marker(str(requirement.marker)).evaluate(where)
    }
    wanted = {canonicalize_name(Requirement(text).name) for text in needed(project)}
    assert wanted - installed == {"torch"}


def test_the_supported_pythons_are_named_alike_everywhere(root: Path, project: dict[str, Any]) -> None:
    assert project["project"]["requires-python"] == ">=3.11,<3.13"
    classifiers = project["project"]["classifiers"]
    found = [text.rpartition(" ")[2] for text in classifiers if text.startswith("Programming Language")]
    assert found == ["3.11", "3.12"]
    makefile = (root / "Makefile").read_text()
    assert "in ((3, 11), (3, 12))" in makefile
