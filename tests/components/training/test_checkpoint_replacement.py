"""A checkpoint that takes the place of another is on the disk before the other goes."""

import os
import shutil
from pathlib import Path

import pytest

from components.training.checkpoint import newest_checkpoint, replace_checkpoint


def save(folder: Path) -> None:
    (folder / "inner").mkdir(parents=True)
    (folder / "state.json").write_text("{}")
    (folder / "inner" / "weights").write_text("1")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What happens to files, in order: written to the disk, renamed, removed."""
    found: list[tuple[str, str]] = []
    fsync, replace, remove = os.fsync, os.replace, shutil.rmtree

    def noted_fsync(descriptor: int) -> None:
        found.append(("fsync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))
        fsync(descriptor)

    def noted_replace(source: Path, target: Path) -> None:
        found.append(("rename", target.name))
        replace(source, target)

    def noted_remove(path: Path, ignore_errors: bool) -> None:
        if path.exists():
            found.append(("remove", path.name))
        remove(path, ignore_errors)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(shutil, "rmtree", noted_remove)
    return found


def test_the_new_one_is_on_the_disk_before_the_former_goes(
    tmp_path: Path, events: list[tuple[str, str]]
) -> None:
    last = tmp_path / "last"
    replace_checkpoint(last, save)
    events.clear()
    replace_checkpoint(last, save)
    written = [name for event, name in events[: events.index(("rename", ".last.former"))] if event == "fsync"]
    assert sorted(written) == [".last.fresh", "inner", "state.json", "weights"]
    assert events[-4:] == [
        ("rename", ".last.former"), ("rename", "last"), ("fsync", tmp_path.name), ("remove", ".last.former"),
    ]  # fmt: skip
    assert newest_checkpoint(last) == last
