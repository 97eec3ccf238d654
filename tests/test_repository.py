"""What lies in the repository: nothing that its own rules call generated, and documents that agree with each other."""

import subprocess
import tomllib
from pathlib import Path

import yaml


def test_git_ignores_nothing_that_it_tracks(root: Path) -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert listed.stdout.splitlines() == []


def test_the_citation_is_of_this_version_and_licence(root: Path) -> None:
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert citation["cff-version"] == "1.2.0"
    assert citation.keys() >= {"message", "title", "authors"}
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    (paper,) = citation["references"]
    assert paper.keys() >= {"type", "title", "authors"}
    assert paper["identifiers"] == [{"type": "other", "value": "arXiv:2604.07390"}]
