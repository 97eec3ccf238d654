"""Several at once: four processes that log and register lose nothing, a second `dvc repro` says that it must wait."""

import subprocess
import sys
import time
from pathlib import Path

import mlflow
import psutil
import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.export import export_onnx
from components.model.heads import PowerModel
from tests.clone import ROOT, attempt, copy_repository, environment

PROCESSES, MODELS, STEPS = 4, 3, 40
# Each registers its own versions of two names that all share, and logs while the others do.
PROGRAM = f"""
import sys
from pathlib import Path
from pipelines.registry import pyfunc_program
from pipelines.runtime import runs
from pipelines.registry import aliases, versions
me = sys.argv[1]
runs.connect()
with runs.run(f"writer-{{me}}", {{"writer": me}}) as run:
    for step in range({STEPS}):
        run.metrics({{"loss": float(step), "other": float(me)}}, step)
        if step % ({STEPS} // {MODELS}) == 0:
            graph = Path(f"{{me}}.onnx")
            graph.write_bytes(Path("graph.onnx").read_bytes())
            tags = {{"writer": me, "step": str(step)}}
            given = (pyfunc_program.PATH, {{"graph": graph}}, ["mlflow"], tags)
            number = versions.add_version(run, "gfm-ra-shared", *given)
            aliases.promote("gfm-ra-shared", number)
"""

pytestmark = pytest.mark.slow


def test_four_processes_register_and_log_at_once(tmp_path: Path) -> None:
    export_onnx(
        PowerModel(BackboneConfig(layers=1, width=16, heads=4, bias_width=8)).eval(), tmp_path / "graph.onnx"
    )
    torch.manual_seed(0)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    given = environment(ROOT) | {"MLFLOW_TRACKING_URI": uri}
    programs = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, str(number)],
            cwd=tmp_path, env=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    for program in programs:
        output, _ = program.communicate(timeout=300)
        assert program.returncode == 0, output[-3000:]
    client = mlflow.MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("gfm-ra").experiment_id])
    assert sorted(run.data.params["writer"] for run in runs) == [str(number) for number in range(PROCESSES)]
    for run in runs:
        assert run.info.status == "FINISHED"
        history = client.get_metric_history(run.info.run_id, "loss")
        assert sorted(entry.value for entry in history) == [float(step) for step in range(STEPS)]
    versions = client.search_model_versions("name='gfm-ra-shared'")
    written = {(version.tags["writer"], version.tags["step"]) for version in versions}
    every = range(0, STEPS, STEPS // MODELS)
    assert written == {(str(number), str(step)) for number in range(PROCESSES) for step in every}
    assert len({version.version for version in versions}) == len(versions) == PROCESSES * len(every)
    champion = client.get_model_version_by_alias("gfm-ra-shared", "champion")
    assert champion.version in {version.version for version in versions}


STAGE = "cmd: python -m pipelines.stages.simulate\n"
HELD = "cmd: touch begun && until [ -e go ]; do sleep 0.1; done && python -m pipelines.stages.simulate\n"
BEGINS_WITHIN_S = 300.0


def test_a_second_repro_in_the_same_clone_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    folder = copy_repository(tmp_path / "repository")
    # The first one is at work, for certain, until the test lets it go on.
    chain = (folder / "dvc.yaml").read_text()
    assert chain.count(STAGE) == 1
    (folder / "dvc.yaml").write_text(chain.replace(STAGE, HELD))
    first = psutil.Popen(
        ["dvc", "repro", "simulate"], cwd=folder, env=environment(folder),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + BEGINS_WITHIN_S
        while not (folder / "begun").exists():
            assert time.monotonic() < end
            assert first.poll() is None
            time.sleep(0.05)
        status, told = attempt(folder, "dvc", "repro", "simulate")
        assert first.poll() is None
        (folder / "go").touch()
        output, _ = first.communicate(timeout=BEGINS_WITHIN_S)
    finally:
        (folder / "go").touch()
        if first.poll() is None:
            first.kill()
    assert status != 0
    assert "busy" in told
    assert str(first.pid) in told
    assert first.returncode == 0, output
    assert "up to date" in attempt(folder, "dvc", "status", "simulate")[1]
