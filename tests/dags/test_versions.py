"""The versions that can change bytes are those of the lock, and a machine with others is told so."""

from pathlib import Path

import pytest
import yaml

from dags.versions import LOCKS, check_core, check_installed, locked
from gfm_ra.core import loader
from pipelines.runtime.errors import UserError


def test_the_file_says_what_the_lock_says(root: Path) -> None:
    assert yaml.safe_load((root / "versions.yaml").read_text()) == locked(LOCKS)


def test_the_installed_versions_are_the_locked_ones(root: Path) -> None:
    check_installed(root / "versions.yaml")


@pytest.mark.parametrize(
    ("name", "found"), [("numpy", "numpy is "), ("no-such-library", "no-such-library is missing")]
)
def test_another_version_is_one_line_with_the_remedy(tmp_path: Path, name: str, found: str) -> None:
    path = tmp_path / "versions.yaml"
    path.write_text(f'{name}: "0.0.1"\n')
    with pytest.raises(UserError, match="make install") as caught:
        check_installed(path)
    assert found in str(caught.value)
    assert "locked 0.0.1" in str(caught.value)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_file_saved_in_another_encoding_is_one_line_with_the_remedy(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "versions.yaml"
    path.write_text('# versions as für locked\nnumpy: "2.0.0"\n', encoding=encoding)
    with pytest.raises(UserError, match=r"versions\.yaml is not UTF-8 .*: save it as UTF-8$"):
        check_installed(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "is missing"),
        ("numpy: [", "is not valid YAML"),
        ("- numpy\n", "must name libraries"),
        ("", "must name"),
    ],
)
def test_a_damaged_file_is_one_line_with_the_remedy(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "versions.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=f"versions.yaml {said}.*`git checkout versions.yaml`") as caught:
        check_installed(path)
    assert "\n" not in str(caught.value)


def test_no_lock_is_signed_without_fused_multiply_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "instruction_set", lambda: "baseline")
    with pytest.raises(UserError, match="fused multiply-add"):
        check_core()


def test_a_core_that_is_not_installed_stops_the_first_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise UserError("the compiled core is not installed: run `make install`")

    monkeypatch.setattr(loader, "instruction_set", missing)
    with pytest.raises(UserError, match="make install"):
        check_core()
