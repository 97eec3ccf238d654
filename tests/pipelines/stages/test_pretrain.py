"""Laws of pre-training under Ray: two workers, and whatever is killed, the same bits at the end."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
import yaml

from components.training.checkpoint import load_card, load_tensors
from pipelines.cluster.session import session
from pipelines.runtime import paths
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.stages.pretrain import stage

Tree = dict[str, Any]
# The extension does all that Algorithm 1 does, and more that must come back to the bit.
MODEL = paths.PROMPTED
STAGE = stage(MODEL)
# Long enough to be killed in its middle, with an uneven last batch, and a schedule whose loss would show.
LONG = {"epochs": 12, "batch_size": 3}


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session():
        yield


@pytest.fixture
def own_data(workspace: Path, simulated: Path, params: Tree) -> Path:
    shutil.copytree(simulated, paths.DATA)
    write(params)
    return workspace


def write(params: Tree, **changes: Any) -> None:
    section = params["pretrain"]
    values = params | {"pretrain": section | {"common": section["common"] | LONG | changes}}
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def results(folder: Path) -> dict[str, bytes]:
    name = f"pretrain-{MODEL}"
    files = [*(folder / paths.pretrained(MODEL)).iterdir(), folder / paths.metrics(name)]
    files.append(folder / paths.history(name))
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def undisturbed(
    ray_session: None, module_workspace: Path, simulated: Path, run_stage: Callable[[Stage], str]
) -> dict[str, bytes]:
    """The outputs of an uninterrupted run with two workers."""
    shutil.copytree(simulated, paths.DATA)
    write(yaml.safe_load(Path("params.yaml").read_text()))
    assert "effective rank" in run_stage(STAGE)
    return results(module_workspace)


def test_a_run_leaves_a_model_its_metrics_and_its_history(
    undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    assert set(undisturbed) == {
        "backbone.safetensors",
        "model.safetensors",
        "config.json",
        "pretrain-prompted.json",
        "pretrain-prompted-history.csv",
    }
    for name, content in undisturbed.items():
        (tmp_path / name).write_bytes(content)
    assert load_card(tmp_path).backbone.width == 16
    assert all(value.isfinite().all() for value in load_tensors(tmp_path / "backbone.safetensors").values())
    assert len(undisturbed["pretrain-prompted-history.csv"].splitlines()) == 1 + LONG["epochs"]


@pytest.mark.slow
def test_work_that_ended_before_its_outputs_were_placed_is_not_lost(
    ray_session: None, own_data: Path, undisturbed: dict[str, bytes], run_stage: Callable[[Stage], str]
) -> None:
    def stop_at_the_end(context: Context[Any]) -> Outcome:
        STAGE.work(context)
        raise KeyboardInterrupt

    stopped = Stage(
        STAGE.name,
        STAGE.section,
        stop_at_the_end,
        STAGE.inputs,
        STAGE.outputs,
        variant=STAGE.variant,
        part=STAGE.part,
    )
    with pytest.raises(SystemExit) as caught:
        main(stopped)
    assert caught.value.code == 130
    assert not paths.pretrained(MODEL).exists()
    run_stage(STAGE)
    assert results(own_data) == undisturbed
    assert epochs_of_last_run() == []


def epochs_saved() -> int:
    """Epochs in the newest checkpoint; files may vanish while they are looked at."""
    done = 0
    for path in Path(".resume").glob("pretrain*/*/ray/pretrain/checkpoint_*/state/state.json"):
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            done = max(done, json.loads(path.read_text())["epochs_done"])
    return done


def wait_for(condition: Callable[[], bool], within_s: float = 90.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def epochs_of_last_run() -> list[int]:
    """The epochs that the latest run of the stage trained itself, as its live metrics tell."""
    latest = mlflow.search_runs(experiment_names=["gfm-ra"], output_format="list")[0]
    return [
        entry.step for entry in mlflow.MlflowClient().get_metric_history(latest.info.run_id, "train_loss")
    ]


def training_workers(family: set[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in family:
        with contextlib.suppress(psutil.Error):
            if "RayTrainWorker" in "".join(process.cmdline()):
                found.append(process)
    return found


def test_a_killed_driver_changes_no_bit(
    ray_session: None,
    own_data: Path,
    undisturbed: dict[str, bytes],
    start: Callable[..., Any],
    run_stage: Callable[[Stage], str],
) -> None:
    program = start("pipelines.stages.pretrain", "--model", MODEL)
    wait_for(lambda: epochs_saved() >= 3)
    program.kill()
    assert not paths.pretrained(MODEL).exists()
    run_stage(STAGE)
    assert results(own_data) == undisturbed
    epochs = epochs_of_last_run()
    assert epochs
    assert 0 not in epochs  # it went on, instead of starting again


@pytest.mark.slow
def test_a_killed_worker_changes_no_bit(
    ray_session: None, own_data: Path, undisturbed: dict[str, bytes], start: Callable[..., Any]
) -> None:
    program = start("pipelines.stages.pretrain", "--model", MODEL)
    wait_for(lambda: epochs_saved() >= 3)  # the last report of a killed worker may be lost
    training_workers(program.family())[0].kill()
    assert program.process.wait(120) == 0, program.output()
    assert "worker died" in program.output()
    assert results(own_data) == undisturbed
    assert epochs_of_last_run().count(0) == 1  # replaced and gone on with, not started again
