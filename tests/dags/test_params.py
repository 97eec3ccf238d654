"""Laws of the parameter tree: every mistake is one line that names culprit and remedy, before any work."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dags import check
from dags.params import load, parse
from pipelines.runtime.errors import UserError

Tree = dict[str, Any]
CUSTOM = {"links": 10, "min_distance_m": 5.0, "max_distance_m": 60.0, "area_m": 500.0}


def put(path: str, value: object) -> Callable[[Tree], None]:
    """A mistake: set one dotted parameter."""
    *sections, name = path.split(".")

    def change(tree: Tree) -> None:
        for section in sections:
            tree = tree.setdefault(section, {})
        tree[name] = value

    return change


def drop(path: str) -> Callable[[Tree], None]:
    *sections, name = path.split(".")

    def change(tree: Tree) -> None:
        for section in sections:
            tree = tree[section]
        del tree[name]

    return change


# Every mistake with words that its line must hold: the culprit's full name, and what to do or what is allowed.
MISTAKES = {
    "unknown key": (put("pretrain.common.epochss", 3), ["pretrain.common.epochss", "check the spelling"]),
    "unknown nested key": (
        put("pretrain.common.backbone.depth", 3),
        ["pretrain.common.backbone.depth", "spelling"],
    ),
    "unknown key of a model": (
        put("pretrain.prompted.epochss", 3),
        ["pretrain", "prompted.epochss", "spelling"],
    ),
    "wrong value of a model": (put("pretrain.hybrid.mask_ratio", 2.0), ["hybrid.mask_ratio", "less than 1"]),
    "the sweep's choice for one": (
        put("pretrain.hybrid.from_sweep", True),
        ["hybrid.from_sweep", "move it up"],
    ),
    "unknown section": (put("pretran", {}), ["pretran", "check the spelling"]),
    "missing section": (drop("solve"), ["solve is missing", "add it"]),
    "missing value": (drop("pretrain.common.scenarios"), ["pretrain.common.scenarios is missing"]),
    "text for a number": (
        put("pretrain.common.epochs", "three"),
        ["pretrain.common.epochs", "valid integer", "'three'"],
    ),
    "number as text": (
        put("pretrain.common.learning_rate", "1e-3"),
        ["pretrain.common.learning_rate", "valid number"],
    ),
    "fraction of an epoch": (
        put("pretrain.common.epochs", 2.5),
        ["pretrain.common.epochs", "integer", "2.5"],
    ),
    "boolean for a number": (put("finetune.shots", True), ["finetune.shots", "integer"]),
    "negative seed": (put("seed", -1), ["seed", "greater than or equal to 0"]),
    "nothing masked": (
        put("pretrain.common.mask_ratio", 0.0),
        ["pretrain.common.mask_ratio", "greater than 0"],
    ),
    "everything masked": (
        put("pretrain.common.mask_ratio", 1.0),
        ["pretrain.common.mask_ratio", "less than 1"],
    ),
    "heads do not divide": (
        put("pretrain.common.backbone.heads", 7),
        ["common.backbone", "heads 7", "divisors"],
    ),
    "zero workers": (
        put("pretrain.common.workers", 0),
        ["pretrain.common.workers", "greater than or equal to 1"],
    ),
    "empty annulus": (
        put("simulate.custom", {"tiny": CUSTOM | {"min_distance_m": 60.0}}),
        ["simulate.custom.tiny", "min_distance_m < max_distance_m", "60"],
    ),
    "a name that is no file name": (put("simulate.custom", {"../x": CUSTOM}), ["simulate.custom", "letters"]),
    "unknown scenario": (put("simulate.scenarios.D21.train", 5), ["D21", "D1-D20", "custom"]),
    "unknown objective": (put("finetune.objectives", ["speed"]), ["finetune.objectives", "'sum-rate'"]),
    "no objective": (put("finetune.objectives", []), ["finetune.objectives", "at least 1"]),
    "no training": (
        lambda tree: tree["finetune"].update(warmup_epochs=0, epochs=0),
        ["finetune", "nothing would be trained"],
    ),
    "more shots than samples": (
        put("finetune.shots", 9999),
        ["finetune.shots", "9999", "simulate.scenarios"],
    ),
    "pretraining on nothing": (
        put("pretrain.hybrid.scenarios", ["D2"]),
        ["hybrid.scenarios", "D2", "makes 0"],
    ),
    "sweep beyond the data": (
        put("sweep.train_rows", 9999),
        ["sweep.scenarios", "9999", "simulate.scenarios"],
    ),
    "few-shot beyond the data": (put("sweep.few_shot.shots", 9999), ["sweep.few_shot", "9999"]),
    "solving what is not simulated": (put("solve.scenarios", ["D5"]), ["solve.scenarios", "D5"]),
    "promoting by what is not solved": (put("register.scenarios", ["D1"]), ["register.scenarios", "solve"]),
    "evaluating what is not solved": (put("evaluate.scenarios", ["D1"]), ["evaluate.scenarios", "solve"]),
    "registering without data": (put("register.scenarios", ["D9"]), ["register.scenarios", "D9"]),
    "a bad point of the space": (put("sweep.space.mask_ratio", [0.3, 1.5]), ["sweep", "mask_ratio", "1.5"]),
    "not a number": (put("pretrain.common.learning_rate", float("nan")), ["pretrain.common.learning_rate"]),
}


@pytest.fixture(scope="module")
def good(root: Path) -> Tree:
    return yaml.safe_load((root / "dags/profiles/smoke.yaml").read_text())


def mistaken(good: Tree, mistake: str) -> Tree:
    tree = copy.deepcopy(good)
    MISTAKES[mistake][0](tree)
    return tree


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_culprit_and_remedy(good: Tree, mistake: str) -> None:
    parse(good, Path("params.yaml"))
    with pytest.raises(UserError) as caught:
        parse(mistaken(good, mistake), Path("params.yaml"))
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("params.yaml: ")
    for words in MISTAKES[mistake][1]:
        assert words in line


def test_every_mistake_is_named_at_once(good: Tree) -> None:
    tree = mistaken(good, "unknown key")
    tree["finetune"]["shots"] = "many"
    with pytest.raises(UserError, match=r"(?s)(?=.*pretrain\.common\.epochss)(?=.*finetune\.shots)"):
        parse(tree, Path("params.yaml"))


@pytest.mark.parametrize("text", ["a: [", "", "3", "- a", "seed: 2024-01-01\n"])
def test_what_is_no_parameter_file_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def run_check(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-m", "dags.check"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_check_exits_1_with_one_line_and_writes_nothing(root: Path, good: Tree, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(mistaken(good, "everything masked")))
    answer = run_check(root, tmp_path)
    assert answer.returncode == 1
    assert answer.stdout == ""
    (line,) = answer.stderr.splitlines()
    assert "pretrain.common.mask_ratio" in line
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


def test_check_without_a_parameter_file_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        check.main()
    assert caught.value.code == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_check_leaves_the_same_bytes_for_any_valid_parameters(
    good: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise a changed parameter of the last stage would rerun the first.
    monkeypatch.chdir(tmp_path)
    contents = set()
    for seed in (1, 2):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(good | {"seed": seed}))
        check.main()
        contents.add(check.OUTPUT.read_bytes())
    assert len(contents) == 1
