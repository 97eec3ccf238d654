"""Studies and variants that cannot be are refused, by name."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.studies import ablations
from pipelines.studies.few_shot_config import FewShotStudyConfig
from tests.pipelines.studies.figure_sections import Tree, sections


def test_a_training_set_is_a_variants() -> None:
    tree = sections(Path("/nowhere"))["ablations"]
    tree["training_sets"] = {"nobody": {"scenarios": ["near"], "train_rows": 8}}
    with pytest.raises(ValidationError, match=r"training_sets\.nobody: no variant"):
        ablations.AblationsConfig.model_validate_json(json.dumps(tree))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tree: tree["studies"]["few-shot"].update(starts=["nobody"]), "nobody"),
        (lambda tree: tree["studies"]["imputed"].update(shots=[8]), "learns nothing"),
        (lambda tree: tree["models"].pop("hybrid"), "hybrid"),
        (lambda tree: tree["studies"]["few-shot"].update(hidden=[1.0]), "hidden"),
    ],
)
def test_impossible_studies_are_refused(tmp_path: Path, change: Callable[[Tree], object], told: str) -> None:
    tree = sections(tmp_path)["few_shot"]
    change(tree)
    with pytest.raises(ValidationError, match=told):
        FewShotStudyConfig.model_validate_json(json.dumps(tree))


@pytest.mark.parametrize("name", ["../outside", "a/b", ".hidden"])
def test_a_variant_names_a_folder_and_nothing_else(tmp_path: Path, name: str) -> None:
    tree = sections(tmp_path)["ablations"]
    tree["variants"][name] = {}
    with pytest.raises(ValidationError, match="it names a folder"):
        ablations.AblationsConfig.model_validate_json(json.dumps(tree))
