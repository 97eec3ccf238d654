"""Laws of provenance: the profile, DVC's hash, and what dvc.lock says, "unknown" where it says nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.data.shards import sha256_of
from pipelines.runtime.provenance import dvc_hash, lock_digest, profile_of, training_scenarios

LOCK = """
schema: '2.0'
stages:
  simulate: {cmd: x, outs: [{path: data/simulate}]}
  pretrain@hybrid:
    deps: [{path: data/simulate}]
    params: {params.yaml: {seed: 1, pretrain: {scenarios: [D1, D3]}}}
    outs: [{path: artifacts/pretrain/hybrid}]
  finetune@qos:
    deps: [{path: data/simulate}, {path: artifacts/pretrain/hybrid}]
    params: {params.yaml: {seed: 1, finetune: {scenarios: [D16]}}}
    outs: [{path: artifacts/finetune/qos}]
"""


def test_a_head_has_learnt_from_its_own_scenarios_and_its_backbone_s(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text(LOCK)
    assert training_scenarios(Path("artifacts/pretrain/hybrid"), lock) == "pretrain: D1, D3"
    assert training_scenarios(Path("artifacts/finetune/qos"), lock) == "pretrain: D1, D3; finetune: D16"
    assert training_scenarios(Path("artifacts/other"), lock) == "unknown"
    assert lock_digest(lock) == sha256_of(lock)


@pytest.mark.parametrize("content", [None, "", "<<<<<<< HEAD\n: [", "just text"])
def test_a_lock_that_says_nothing_is_no_reason_to_fail(tmp_path: Path, content: str | None) -> None:
    lock = tmp_path / "dvc.lock"
    if content is not None:
        lock.write_text(content)
    assert training_scenarios(Path("artifacts/finetune/qos"), lock) == "unknown"
    assert lock_digest(lock) == ("unknown" if content is None else sha256_of(lock))


def test_the_hash_of_a_folder_is_the_one_that_dvc_gives_it(tmp_path: Path) -> None:
    (tmp_path / "model" / "sub").mkdir(parents=True)
    for name in ("b.json", "a.safetensors", "sub/c", "sub.d"):
        (tmp_path / "model" / name).write_text(name)
    (tmp_path / "dvc.yaml").write_text(
        yaml.safe_dump({"stages": {"make": {"cmd": "true", "outs": [{"model": {"persist": True}}]}}})
    )
    for command in (("dvc", "init", "-q", "--no-scm"), ("dvc", "commit", "-q", "-f")):
        answer = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
    (out,) = yaml.safe_load((tmp_path / "dvc.lock").read_text())["stages"]["make"]["outs"]
    assert dvc_hash(tmp_path / "model") == out["md5"]


def test_a_profile_is_named_by_its_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small, large = {"seed": 1, "rows": [1, 2]}, {"seed": 1, "rows": [3]}
    for folder, values in (("dags/profiles", small), ("dags/figures/profiles", small)):
        Path(folder).mkdir(parents=True)
        Path(folder, "large.yaml").write_text(yaml.safe_dump(large))
        Path(folder, "small.yaml").write_text(yaml.safe_dump(values))
    main, figures = Path("params.yaml"), Path("dags/figures/params.yaml")
    main.write_text("# With a comment\nrows: [1, 2]\nseed: 1\n")
    figures.write_text(yaml.safe_dump(small))
    assert profile_of(main) == profile_of(main, figures) == "small"
    figures.write_text(yaml.safe_dump(large))
    assert (profile_of(figures), profile_of(main, figures)) == ("large", "custom")
    main.write_text("rows: [1, 2]\nseed: 2\n")
    assert profile_of(main) == "custom"
