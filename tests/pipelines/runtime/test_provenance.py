"""Laws of provenance: what dvc.lock says, and "unknown" where it says nothing."""

from pathlib import Path

import pytest

from components.data.shards import sha256_of
from pipelines.runtime.provenance import lock_digest, training_scenarios

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


COMPACT = """
schema: '2.0'
stages:
  distil:
    deps: [{path: data/simulate}, {path: artifacts/pretrain/prompted}]
    params: {dags/compact/params.yaml: {seed: 1, distil: {scenarios: [D1, D7]}}}
    outs: [{path: artifacts/distil}]
"""


def test_a_distilled_model_has_learnt_from_its_teacher_s_scenarios_too(tmp_path: Path) -> None:
    lock, compact = tmp_path / "dvc.lock", tmp_path / "compact.lock"
    lock.write_text(LOCK.replace("pretrain/hybrid", "pretrain/prompted"))
    compact.write_text(COMPACT)
    found = training_scenarios(Path("artifacts/distil"), lock, compact)
    assert found == "pretrain: D1, D3; distil: D1, D7"
    assert training_scenarios(Path("artifacts/distil"), lock) == "unknown"
