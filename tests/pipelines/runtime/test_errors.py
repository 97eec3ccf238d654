"""Laws of messages: one line, the culprit's name, a remedy."""

import errno
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from components.config import Strict
from components.data.shards import DataError
from gfm_ra import errors
from pipelines.runtime.errors import EXPECTED, UserError, describe_validation, one_line


class Inner(Strict):
    share: float = Field(gt=0, lt=1)


class Section(Strict):
    count: int
    inner: Inner


def fault(values: dict[str, object]) -> str:
    with pytest.raises(ValidationError) as caught:
        Section.model_validate(values)
    return describe_validation(caught.value, "stage")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, ["no space", "free some"]),
        (errno.EDQUOT, ["quota", "free some"]),
        (errno.EEXIST, ["a file lies where", "move it away"]),
        (errno.ENOTDIR, ["a file lies where", "move it away"]),
        (errno.EROFS, ["read-only", "choose"]),
        (errno.EACCES, ["no permission", "choose"]),
    ],
)
def test_disk_faults_name_the_file_and_the_remedy(number: int, words: list[str]) -> None:
    line = one_line(OSError(number, "some words", "data/x.parquet"))
    assert line.startswith("data/x.parquet: ")
    assert all(word in line for word in words)


@pytest.mark.parametrize("full", ["here", "temporary"])
def test_a_full_disk_without_a_file_is_looked_for(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(errors.tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(errors, "_free_bytes", lambda folder: 0 if folder == tmp_path / full else 2**30)
    assert one_line(OSError(errno.ENOSPC, "some words")).startswith(f"{tmp_path / full}: no space left")


def test_a_full_disk_that_is_not_found_is_not_said_to_be_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_free_bytes", lambda _: 2**30)
    line = one_line(OSError(errno.ENOSPC, "some words"))
    assert line.startswith(f"a disk other than those of {Path.cwd()}, ")


def test_a_fault_between_two_files_names_both() -> None:
    assert one_line(OSError(errno.EROFS, "x", "a/made", None, "b/target")).startswith("a/made -> b/target: ")


def test_too_many_open_files_are_no_fault_of_the_folder() -> None:
    assert "ulimit -n" in one_line(OSError(errno.EMFILE, "x", "data/a.parquet"))


def test_a_message_of_many_lines_becomes_one() -> None:
    assert one_line(UserError("first\n   second\tthird")) == "first second third"
    assert one_line(UserError()) == "UserError"


def test_the_cause_speaks_instead_of_its_remote_wrapper() -> None:
    wrapper = RuntimeError("ray::task() (pid=1)\n Traceback ...")
    wrapper.cause = OSError(errno.ENOSPC, "full", "shard")  # type: ignore[attr-defined]
    assert one_line(wrapper).startswith("shard: no space")


@pytest.mark.parametrize("kind", [UserError, DataError, OSError, FileNotFoundError])
def test_what_a_person_can_mend_is_expected(kind: type[Exception]) -> None:
    assert issubclass(kind, EXPECTED)


@pytest.mark.parametrize("kind", [ValueError, KeyError, RuntimeError, AssertionError])
def test_defects_of_the_program_are_not_swallowed(kind: type[Exception]) -> None:
    assert not issubclass(kind, EXPECTED)


def test_faults_carry_their_full_name_and_what_was_given() -> None:
    good = {"count": 1, "inner": {"share": 0.5}}
    assert fault(good | {"cout": 1}) == "stage.cout is not a parameter: check the spelling or remove it"
    assert fault({"inner": {"share": 0.5}}) == "stage.count is missing: add it"
    line = fault(good | {"inner": {"share": 1.5}})
    assert line.startswith("stage.inner.share: ")
    assert line.endswith("(given: 1.5)")


def test_all_faults_come_in_one_line() -> None:
    line = fault({"count": "x", "inner": {"share": 0}, "more": 1})
    assert line.count(";") == 2
    assert "\n" not in line
