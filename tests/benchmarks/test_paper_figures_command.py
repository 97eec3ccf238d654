"""The paper's figures within so many hours: the plan, and the whole command small on this machine's processor."""

import json
import sys
from pathlib import Path

import pytest
import torch
import yaml

from benchmarks import paper_figures
from dags.params import FiguresParams, load_figures
from gfm_ra.errors import UserError
from tests.clone import copy_repository, run

CPU = torch.device("cpu")


@pytest.fixture
def small(root: Path) -> FiguresParams:
    return load_figures(root / "dags/figures/profiles/smoke.yaml")


def test_more_hours_are_more_epochs_and_too_few_are_refused(
    small: FiguresParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper_figures, "_seconds", lambda once, device: 1.0)
    short, long = (paper_figures.plan(small, hours, CPU) for hours in (5.0, 10.0))
    assert short.epochs >= 1
    spent = [
        plan.epochs * sum(plan.seconds_per_epoch.values()) + sum(plan.adaptations.values())
        for plan in (short, long)
    ]
    for hours, seconds, plan in zip((5.0, 10.0), spent, (short, long), strict=True):
        whole = 3600.0 * hours * (1.0 - paper_figures.REST)
        assert whole - sum(plan.seconds_per_epoch.values()) < seconds <= whole
    with pytest.raises(UserError, match=r"one epoch needs [0-9.]+ hours"):
        paper_figures.plan(small, 0.001, CPU)


def test_updates_are_those_of_every_run(small: FiguresParams) -> None:
    # 2 starts x 3 objectives x 2 sample sizes, one rate and another seed, 3 epochs of 3 updates.
    assert paper_figures._trainings(small.few_shot.studies["few-shot"]) == 12 * 2 * 9
    # One start, 3 objectives, 2 sample sizes, two rates and another seed, 2 epochs of 4 updates.
    assert paper_figures._trainings(small.few_shot.studies["pcgnn"]) == 6 * 3 * 8
    assert paper_figures._trainings(small.few_shot.studies["zero-shot"]) == 0


def test_the_gpu_profile_is_table_one(root: Path) -> None:
    params = load_figures(root / "dags/figures/profiles/gpu.yaml")
    algorithm = params.ablations.algorithm("hybrid")
    assert (algorithm.backbone.layers, algorithm.backbone.width, algorithm.backbone.heads) == (6, 768, 32)
    assert (algorithm.mask_ratio, algorithm.consistency_weight, algorithm.batch_size) == (0.3, 0.1, 512)
    recipe = params.few_shot.studies["paper-recipe"].recipe
    assert (recipe.warmup_epochs, recipe.epochs, recipe.batch_size) == (10, 100, 64)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_machine_without_a_gpu_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(SystemExit, match="profile gpu is for a GPU, and PyTorch sees none here"):
        paper_figures.main(["--plan"])


@pytest.mark.slow
def test_the_whole_command_runs_small(tmp_path: Path) -> None:
    clone = copy_repository(tmp_path)
    words = ("benchmarks.paper_figures", "--profile", "smoke", "--hours", "0.05")
    told = run(clone, sys.executable, "-m", *words, within_s=1200.0)
    epochs = yaml.safe_load((clone / "dags/figures/params.yaml").read_text())["ablations"]["base"]["epochs"]
    assert f"{epochs} epochs" in told
    figures = json.loads((clone / "dags/figures/metrics/paper_figures.json").read_text())["figures"]
    for name in ("figure4", "figure6", "figure9", "figure11"):
        assert figures[name]["rows"]
