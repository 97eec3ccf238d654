"""Laws of dvc.yaml: what a stage declares is what it uses, no more and no less."""

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dags.dependencies import counts, differences, expected, is_below, is_source, module_of, write
from dags.params import Params
from pipelines.runtime.import_closure import ROOT, import_closure, stage_module
from pipelines.runtime.stage import Stage, parse_section
from pipelines.stages import finetune, pretrain

CHECK = "check"  # looks at the whole of params.yaml, so it is no stage with a section of its own
FILES = sorted(path for path in (ROOT / "dvc.yaml", *ROOT.glob("dags/*/dvc.yaml")) if path.is_file())
STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text())
WITH_SECTION = sorted(set(STAGES) - {CHECK})


def stage_object(name: str, objective: str = "qos") -> Stage:
    if name == "finetune":
        return finetune.stage(objective)
    if name == "pretrain":
        return pretrain.stage("prompted")
    return importlib.import_module(stage_module(name)).STAGE


def declared(name: str, *kinds: str) -> set[str]:
    """Paths of a stage in dvc.yaml, with the interpolations that the stages here use."""
    entries = [entry for kind in kinds for entry in STAGES[name].get(kind, [])]
    paths = [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]
    from_sweep = str(PARAMS["pretrain"]["from_sweep"]).lower()
    return {
        path.replace("${item.objective}", "qos")
        .replace("${item.model}", "prompted")
        .replace("${pretrain.from_sweep}", from_sweep)
        for path in paths
    }


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_stage_lists_exactly_what_can_change_its_outputs(path: Path) -> None:
    assert differences(path) == {}


def test_writing_the_dependencies_changes_nothing_but_what_is_wrong(tmp_path: Path) -> None:
    harmed = tmp_path / "dvc.yaml"
    text = (ROOT / "dvc.yaml").read_text()
    harmed.write_text(re.sub(r"gfm_ra/units\.py,\s+(?=pipelines/stages/simulate)", "", text))
    (found,) = differences(harmed).values()
    assert found == ["+gfm_ra/units.py"]
    write(harmed)
    assert differences(harmed) == {}
    assert yaml.safe_load(harmed.read_text()) == yaml.safe_load((ROOT / "dvc.yaml").read_text())


def test_stages_sections_and_modules_bear_the_same_names() -> None:
    sections = {field.alias or name for name, field in Params.model_fields.items()}
    assert set(WITH_SECTION) == sections - {"seed"} == set(PARAMS) - {"seed"}
    for name in WITH_SECTION:
        assert module_of(STAGES[name]["cmd"]) == stage_module(name)
        assert stage_object(name).name == name


@pytest.mark.parametrize("name", WITH_SECTION)
def test_a_stage_gets_its_own_section_and_the_seed_and_nothing_else(name: str) -> None:
    parts = {"pretrain": ["pretrain.from_sweep", "pretrain.common", "pretrain.${item.model}"]}
    assert STAGES[name]["params"] == ["seed", *parts.get(name, [name])]


@pytest.mark.parametrize("name", WITH_SECTION)
def test_declared_outputs_are_the_outputs(name: str) -> None:
    outputs = {str(path) for path in stage_object(name).outputs}
    assert declared(name, "outs", "metrics", "plots") == outputs


@pytest.mark.parametrize("name", WITH_SECTION)
def test_declared_data_dependencies_are_the_inputs(name: str) -> None:
    stage = stage_object(name)
    inputs = {str(path) for path in stage.inputs(parse_section(PARAMS, name, stage.section))}
    data = {path for path in declared(name, "deps") if not is_source(path)}
    assert data - declared(CHECK, "outs") == inputs


def test_every_input_is_made_by_a_stage_or_committed() -> None:
    made = {path for name in STAGES for path in declared(name, "outs", "metrics", "plots")}
    heads = {f"artifacts/finetune/{objective}" for objective in PARAMS["finetune"]["objectives"]}
    histories = {f"metrics/finetune-{name}-history.csv" for name in PARAMS["finetune"]["objectives"]}
    hybrid = (
        "artifacts/pretrain/hybrid",
        "metrics/pretrain-hybrid.json",
        "metrics/pretrain-hybrid-history.csv",
    )
    committed = {*hybrid, "params.yaml", "dags/overrides/false.json", "metrics/paper_figures.json"}
    for name in STAGES:
        for path in declared(name, "deps"):
            parents = {str(parent) for parent in Path(path).parents}
            known = made | heads | histories | committed
            assert is_source(path) or path in known or parents & known, f"{name}: {path}"


def test_nothing_that_changes_from_run_to_run_is_cached() -> None:
    everything = json.dumps(STAGES)
    assert "mlflow.db" not in everything
    assert "mlartifacts" not in everything
    assert ".resume" not in everything


# Python's own word for it: each stage is imported in a process of its own, forked after the slow libraries.
IMPORTED = """
import json, os, sys
import torch, ray, mlflow, pyarrow.parquet, matplotlib.pyplot, onnx, onnxruntime, numba, ray.tune, ray.train.torch
for module in json.loads(sys.argv[1]):
    sys.stdout.flush()
    if os.fork() == 0:
        __import__(module)
        layers = ("gfm_ra", "components", "pipelines", "dags")
        files = [m.__file__ for n, m in list(sys.modules.items()) if n.split(".")[0] in layers]
        print(json.dumps([module, files]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    modules = sorted({module_of(stage["cmd"]) for stage in STAGES.values()})
    program = [sys.executable, "-W", "ignore", "-c", IMPORTED, json.dumps(modules)]
    answer = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    return {module: {str(Path(file).relative_to(ROOT)) for file in files} for module, files in lines}


@pytest.mark.parametrize("name", STAGES)
def test_whatever_a_stage_imports_is_declared(imported: dict[str, set[str]], name: str) -> None:
    module = module_of(STAGES[name]["cmd"])
    assert imported[module]
    listed = declared(name, "deps")
    assert [path for path in imported[module] if counts(path) and not is_below(path, listed)] == []
    assert [
        path for path in map(str, import_closure(module)) if counts(path) and not is_below(path, listed)
    ] == []


def test_simulate_lists_what_draws_gains_and_no_machinery() -> None:
    listed = declared("simulate", "deps")
    assert {path for path in listed if path.startswith("components/channel")} == {
        f"components/channel/{name}.py" for name in ("path_loss", "placement", "rng", "scenario", "simulator")
    }
    for stage in STAGES:
        assert not {path for path in declared(stage, "deps") if path.startswith("pipelines/runtime")}


def test_chains_stay_short() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in FILES}
    assert lines[ROOT / "dvc.yaml"] <= 200
    assert sum(lines.values()) <= 560


SWEEP = ROOT / "dags/sweep"


def checks_first(stages: dict[str, Any], folder: str) -> str:
    """Take the check out of a DAG's stages; what the stages that wait for it depend on."""
    check = stages.pop(CHECK)
    assert check["cmd"] == f"python -m dags.check {folder}"
    assert f"{folder}/params.yaml" in check["deps"]
    assert set(expected("dags.check")) <= set(check["deps"])
    (valid,) = check["outs"]
    assert valid in next(iter(stages.values()))["deps"]
    return valid


def test_the_sweeps_dag_declares_what_its_stages_use_below_its_own_folder() -> None:
    stages = yaml.safe_load((SWEEP / "dvc.yaml").read_text())["stages"]
    params = yaml.safe_load((SWEEP / "params.yaml").read_text())
    assert set(params) - {"seed"} == set(stages) - {CHECK}
    valid = checks_first(stages, "dags/sweep")
    for name, stage in stages.items():
        made = stage_object(name)
        assert (ROOT / "dags/sweep" / stage["wdir"]).resolve() == ROOT
        assert stage["cmd"] == f"python -m dags.within dags/sweep {stage_module(name)}"
        assert stage["params"] == [{"dags/sweep/params.yaml": ["seed", name]}]
        outputs = {next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"]}
        assert outputs == {f"dags/sweep/{path}" for path in made.outputs}
        inputs = {f"dags/sweep/{path}" for path in made.inputs(parse_section(params, name, made.section))}
        assert {path for path in stage["deps"] if not is_source(path)} - {valid} == inputs


def test_a_stage_runs_within_another_folder_and_records_where_the_main_dag_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "told.py").write_text(
        "import os, sys; print(os.getcwd(), sys.argv[1:], __name__, os.environ['MLFLOW_TRACKING_URI'])"
    )
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    program = [sys.executable, "-m", "dags.within", "other", "told", "word"]
    answer = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.split(" ", 1)[0] == str(tmp_path / "other")
    assert f"['word'] __main__ sqlite:///{tmp_path}/mlflow.db" in answer.stdout


@pytest.mark.parametrize("profile", ["smoke", "laptop", "paper"])
def test_the_dag_of_the_figures_declares_what_its_stages_use(profile: str) -> None:
    folder = ROOT / "dags/figures"
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    params = yaml.safe_load((folder / "profiles" / f"{profile}.yaml").read_text())
    assert set(params) - {"seed"} == set(stages) - {CHECK}
    valid = checks_first(stages, "dags/figures")

    def filled(path: str) -> str:
        """With the value that `${section.key...}` stands for."""
        if not path.startswith("${"):
            return path
        value: Any = params
        for key in path.removeprefix("${").removesuffix("}").split("."):
            value = value[key]
        return value

    for name, stage in stages.items():
        made = importlib.import_module(stage_module(name)).STAGE
        assert stage["cmd"] == f"python -m dags.within dags/figures {stage_module(name)}"
        assert stage["params"] == [{"dags/figures/params.yaml": ["seed", name]}]
        outputs = {next(iter(out)) if isinstance(out, dict) else out for out in stage["outs"]}
        assert outputs == {f"dags/figures/{path}" for path in made.outputs}
        used = made.inputs(parse_section(params, name, made.section))
        inputs = {
            str(path.relative_to(ROOT) if path.is_absolute() else Path("dags/figures") / path)
            for path in used
        }
        assert {filled(path) for path in stage["deps"] if not is_source(path)} - {valid} == inputs
