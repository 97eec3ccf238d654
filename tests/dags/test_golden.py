"""Results stay as they were: the hashes of a smoke run, and what moves a hash."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dags.golden import FOLDER, differences, hash_of, processor
from tests.clone import ROOT, copy_repository, run

KEPT = ROOT / FOLDER / f"{processor()}.json"


def test_weights_count_by_their_tensors_and_other_files_by_their_bytes(tmp_path: Path) -> None:
    one, two, three = (tmp_path / f"{name}.safetensors" for name in ("one", "two", "three"))
    save_file({"w": torch.arange(3.0)}, one, metadata={"about": "one"})
    save_file({"w": torch.arange(3.0)}, two, metadata={"about": "two"})
    save_file({"w": torch.arange(3.0) + 2**-20}, three)
    assert hash_of(one) == hash_of(two) != hash_of(three)
    table = tmp_path / "table.json"
    table.write_text("{}")
    before = hash_of(table)
    table.write_text("{ }")
    assert hash_of(table) != before


def test_every_kind_of_difference_is_told() -> None:
    assert differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == ["-a", "+c", "~b"]


@pytest.mark.slow
@pytest.mark.chain
@pytest.mark.skipif(not KEPT.is_file(), reason=f"no hashes were taken on {processor()}")
@pytest.mark.parametrize(("chain", "file"), [("main", "dvc.yaml"), ("sweep", "dags/sweep/dvc.yaml")])
def test_a_smoke_run_gives_the_kept_hashes(tmp_path: Path, chain: str, file: str) -> None:
    assert chain in json.loads(KEPT.read_text())
    folder = copy_repository(tmp_path / "repository", dag=str(Path(file).parent))
    run(folder, "dvc", "repro", file, within_s=1800.0)
    assert "every hash is as kept" in run(folder, "python", "-m", "dags.golden", "check", chain)


@pytest.mark.chain
@pytest.mark.parametrize(
    ("path", "comment", "stale"),
    [
        ("pipelines/runtime/parent_watchdog.py", True, []),
        ("components/channel/path_loss.py", False, ["simulate"]),
    ],
)
def test_machinery_invalidates_nothing_and_physics_its_data(
    tmp_path: Path, path: str, comment: bool, stale: list[str]
) -> None:
    folder = copy_repository(tmp_path / "repository")
    run(folder, "dvc", "repro", "simulate")
    text = (folder / path).read_text()
    changed = text + "# a comment\n" if comment else text.replace("CLAMP_M = 1.0", "CLAMP_M = 2.0")
    assert changed != text
    (folder / path).write_text(changed)
    told = json.loads(run(folder, "dvc", "status", "--json", "simulate"))
    assert list(told) == stale
