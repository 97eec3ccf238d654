"""Lock files are signed only after a smoke run at HEAD that gives the golden hashes."""

import sys
from pathlib import Path

import pytest

from dags.golden import FOLDER, processor
from tests.clone import ROOT, attempt, copy_repository, run

KEPT = FOLDER / f"{processor()}.json"
IDENTITY = ("-c", "user.name=test", "-c", "user.email=test@localhost")


def accept(folder: Path, chain: str = "sweep") -> tuple[int, str]:
    return attempt(folder, sys.executable, "-m", "dags.accept", chain, within_s=1800.0)


def test_what_is_not_committed_is_not_accepted(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "repository")
    (folder / "dags" / "check.py").write_text((ROOT / "dags" / "check.py").read_text() + "# more\n")
    run(folder, "git", "checkout", "params.yaml")
    status, output = accept(folder)
    assert (status, output) == (1, "accept: dags/check.py is not committed: what runs is HEAD\n")


def test_nothing_is_accepted_without_hashes_of_this_kind_of_processor(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "repository")
    run(folder, "git", "checkout", "params.yaml")
    for path in (folder / FOLDER).glob("*-*.json"):
        path.unlink()
    run(folder, "git", *IDENTITY, "commit", "-qam", "none")
    status, output = accept(folder)
    assert status == 1
    assert "holds nothing of sweep" in output


@pytest.mark.slow
@pytest.mark.chain
@pytest.mark.skipif(not (ROOT / KEPT).is_file(), reason=f"no hashes were taken on {processor()}")
def test_a_changed_result_is_not_signed(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "repository")
    run(folder, "git", "checkout", "params.yaml")
    physics = folder / "components/channel/path_loss.py"
    physics.write_text(physics.read_text().replace("CLAMP_M = 1.0", "CLAMP_M = 30.0"))
    run(folder, "git", *IDENTITY, "commit", "-qam", "other physics")
    lock = (folder / "dags/sweep/dvc.lock").read_bytes()
    status, output = accept(folder)
    assert status == 1
    assert "sweep: ~data/simulate" in output
    assert "nothing was signed" in output
    assert (folder / "dags/sweep/dvc.lock").read_bytes() == lock
