"""Distillation as a stage: a small model for any goal, compared with its teacher, registered by its own name."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.prompted import ConditioningConfig, PromptedModel
from components.training.checkpoint import MODEL_NAME, ModelCard, load_card, load_prompted_model, save_model
from gfm_ra.goals import QoS
from pipelines.cluster.session import session
from pipelines.registry import aliases, versions
from pipelines.runtime import paths
from pipelines.runtime.stage import Stage, main
from pipelines.stages import register
from pipelines.studies.distil import STAGE

Tree = dict[str, Any]
SMALL = {"layers": 1, "width": 16, "heads": 4, "bias_width": 8}


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session():
        yield


def write(distil: Tree) -> None:
    paths.COMPACT_PARAMS.parent.mkdir(parents=True, exist_ok=True)
    params = {"seed": 1, "distil": distil, "register": {"scenarios": ["near"]}}
    paths.COMPACT_PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))


def section(**changes: Any) -> Tree:
    return {
        "scenarios": ["near", "far"], "validation_scenarios": ["near"], "workers": 1, "backbone": SMALL, "epochs": 2,
        "conditioning": {"feedback_steps": 1}, "utility_weight": 10.0, "consistency_weight": 0.0,
        "distillation_weight": 10.0, "batch_size": 8, "learning_rate": 1.0e-3,
    } | changes  # fmt: skip


def make_teacher() -> None:
    torch.manual_seed(0)
    config = BackboneConfig(layers=2, width=32, heads=4, bias_width=8)
    model, folder = PromptedModel(config, ConditioningConfig()), paths.pretrained(paths.PROMPTED)
    folder.mkdir(parents=True)
    save_model(folder, model, ModelCard(backbone=config, conditioning=ConditioningConfig()), MODEL_NAME)


def test_a_small_model_is_made_compared_and_registered(
    ray_session: None, workspace: Path, simulated: Path, run_stage: Callable[[Stage], str]
) -> None:
    shutil.copytree(simulated, paths.DATA)
    make_teacher()
    write(section())
    printed = run_stage(STAGE)
    assert all(name in printed for name in ("teacher", "compact"))
    card = load_card(paths.COMPACT)
    assert (card.backbone.width, card.conditioning) == (16, ConditioningConfig(feedback_steps=1))
    found = json.loads(paths.metrics("distil").read_text())
    assert len(found) == 6
    assert all(0.0 < found[f"{name}.sum-rate"] < 1.2 for name in ("teacher", "compact"))
    assert len(paths.history("distil").read_text().splitlines()) == 3

    run_stage(register.stage(register.Group.COMPACT))
    assert aliases.names_with("candidate") == ["gfm-ra-compact"]
    gain_db = np.random.default_rng(0).normal(10.0, 15.0, (2, 5, 5)).astype(np.float32)
    model = load_prompted_model(paths.COMPACT)
    with torch.no_grad():
        expected = model(torch.from_numpy(gain_db), goals_of(QoS(), 2, 5)).numpy()
    power = versions.load("models:/gfm-ra-compact@candidate")(gain_db, goal="qos")
    np.testing.assert_allclose(power, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"utility_weight": 0.0, "distillation_weight": 0.0}, "utility_weight must be above 0"),
        ({"distillation_weight": 0.0}, "distillation_weight must be above 0"),
        ({"validation_scenarios": []}, "distil.validation_scenarios"),
        ({"speed": 1}, "distil.speed"),
    ],
)
def test_wrong_parameters_are_one_line(
    workspace: Path, changes: Tree, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(section(**changes))
    with pytest.raises(SystemExit, match="1"):
        main(STAGE)
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_without_a_teacher_it_says_what_makes_one(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(section())
    paths.DATA.mkdir(parents=True)
    with pytest.raises(SystemExit, match="1"):
        main(STAGE)
    assert f"{paths.pretrained(paths.PROMPTED)} is missing: `dvc repro` makes it" in capsys.readouterr().err
