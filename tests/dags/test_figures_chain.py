"""The DAG of the paper's figures in the smoke profile, in a copy of the repository that has run nothing else."""

import json

import pytest

from tests.clone import copy_repository, run

pytestmark = [pytest.mark.chain, pytest.mark.slow]


def test_the_figures_need_nothing_but_their_own_chain(tmp_path):
    folder = copy_repository(tmp_path / "repository", "smoke", "dags/figures")
    run(folder, "dvc", "repro", "dags/figures/dvc.yaml")
    assert not (folder / "artifacts/pretrain/hybrid").exists()
    made = json.loads((folder / "dags/figures/metrics/paper_figures.json").read_text())
    assert made["profile"] == "smoke profile"
    more = {"figure5-edges", "figure10-edges", "depth"}
    assert set(made["figures"]) == {f"figure{number}" for number in range(4, 12)} | more
    assert "up to date" in run(folder, "dvc", "status", "dags/figures/dvc.yaml")
    lock = (folder / "dags/figures/dvc.lock").read_bytes()
    assert "up to date" in run(folder, "dvc", "repro", "dags/figures/dvc.yaml")
    assert (folder / "dags/figures/dvc.lock").read_bytes() == lock
