"""Laws of pre-training under Ray: two workers, and whatever is killed, the same bits at the end."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
import yaml
from pydantic import ValidationError

from components.training.checkpoint import load_card, load_tensors
from components.training.worlds.folder import load_unrolled
from pipelines.cluster.session import session
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.stages.pretrain import PretrainConfig, check_overrides, stage, with_overrides
from tests.pipelines.conftest import PARAMS

Tree = dict[str, Any]
HYBRID, PROMPTED = paths.HYBRID, paths.PROMPTED
# Long enough to be killed in its middle, with an uneven last batch, and a schedule whose loss would show.
LONG = {
    HYBRID: {"epochs": 12, "batch_size": 3},
    PROMPTED: {"epochs": 12, "batches": 4, "batch_size": 4, "last_epochs": 4},
}


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session():
        yield


@pytest.fixture
def own_data(workspace: Path, simulated: Path, params: Tree) -> Path:
    shutil.copytree(simulated, paths.DATA)
    write(params)
    return workspace


@pytest.fixture(scope="module", params=[HYBRID, PROMPTED])
def model(request: pytest.FixtureRequest) -> str:
    return request.param


def write(params: Tree, **changes: Any) -> None:
    section = params["pretrain"]
    longer = {name: section.get(name, {}) | LONG[name] for name in LONG}
    values = params | {"pretrain": section | longer | changes}
    Path("params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def results(folder: Path, model: str) -> dict[str, bytes]:
    name = f"pretrain-{model}"
    files = [*(folder / paths.pretrained(model)).iterdir(), folder / paths.metrics(name)]
    files.append(folder / paths.history(name))
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def undisturbed(
    ray_session: None, module_workspace: Path, simulated: Path, run_stage: Callable[[Stage], str], model: str
) -> dict[str, bytes]:
    """The outputs of an uninterrupted run with two workers."""
    shutil.copytree(simulated, paths.DATA, dirs_exist_ok=True)
    write(PARAMS)
    assert {HYBRID: "effective rank", PROMPTED: "one WMMSE run"}[model] in run_stage(stage(model))
    return results(module_workspace, model)


def test_a_run_leaves_a_model_its_metrics_and_its_history(
    undisturbed: dict[str, bytes], model: str, tmp_path: Path
) -> None:
    weights = {HYBRID: "backbone.safetensors", PROMPTED: "model.safetensors"}[model]
    history = f"pretrain-{model}-history.csv"
    more = {"network.npz"} if model == PROMPTED else set()
    assert set(undisturbed) == {weights, "config.json", f"pretrain-{model}.json", history} | more
    for name, content in undisturbed.items():
        (tmp_path / name).write_bytes(content)
    width = {
        HYBRID: lambda: load_card(tmp_path).backbone.width,
        PROMPTED: lambda: load_unrolled(tmp_path).config.width,
    }[model]
    assert width() == {HYBRID: 16, PROMPTED: 8}[model]
    assert all(value.isfinite().all() for value in load_tensors(tmp_path / weights).values())
    assert len(undisturbed[history].splitlines()) == 1 + LONG[model]["epochs"]


@pytest.mark.slow
def test_work_that_ended_before_its_outputs_were_placed_is_not_lost(
    ray_session: None,
    own_data: Path,
    undisturbed: dict[str, bytes],
    run_stage: Callable[[Stage], str],
    model: str,
) -> None:
    whole = stage(model)

    def stop_at_the_end(context: Context[Any]) -> Outcome:
        whole.work(context)
        raise KeyboardInterrupt

    stopped = replace(whole, work=stop_at_the_end)
    with pytest.raises(SystemExit) as caught:
        main(stopped)
    assert caught.value.code == 130
    assert not paths.pretrained(model).exists()
    run_stage(stage(model))
    assert results(own_data, model) == undisturbed
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
    model: str,
) -> None:
    program = start("pipelines.stages.pretrain", "--model", model)
    wait_for(lambda: epochs_saved() >= 3)
    program.kill()
    assert not paths.pretrained(model).exists()
    run_stage(stage(model))
    assert results(own_data, model) == undisturbed
    epochs = epochs_of_last_run()
    assert epochs
    assert 0 not in epochs  # it went on, instead of starting again


@pytest.mark.slow
def test_a_killed_worker_changes_no_bit(
    ray_session: None,
    own_data: Path,
    undisturbed: dict[str, bytes],
    start: Callable[..., Any],
    model: str,
) -> None:
    program = start("pipelines.stages.pretrain", "--model", model)
    wait_for(lambda: epochs_saved() >= 3)  # the last report of a killed worker may be lost
    training_workers(program.family())[0].kill()
    assert program.process.wait(120) == 0, program.output()
    assert "worker died" in program.output()
    assert results(own_data, model) == undisturbed
    assert epochs_of_last_run().count(0) == 1  # replaced and gone on with, not started again


def test_the_sweep_s_choice_is_algorithm_1_s_and_one_for_a_goal_prompt_is_refused(tmp_path: Path) -> None:
    config = PretrainConfig.model_validate_json(json.dumps(PARAMS["pretrain"])).of_hybrid()
    path = tmp_path / "true.json"
    path.write_text(json.dumps({"mask_ratio": 0.5, "backbone": {"layers": 2}}))
    merged = with_overrides(config, path)
    assert (merged.mask_ratio, merged.backbone.layers, merged.backbone.width) == (0.5, 2, 16)
    check_overrides(path)  # nothing of it concerns the unrolled network
    path.write_text(json.dumps({"prompted": {"utility_weight": 10.0}}))
    assert with_overrides(config, path) == config
    with pytest.raises(UserError, match=r"utility_weight .* set pretrain.from_sweep to false") as caught:
        check_overrides(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mask_ratio": 0.5}, "prompted.mask_ratio"),
        ({"last_epochs": 9}, "last_epochs 9 are more than epochs 2"),
        ({"network": {"steps": 0}}, "prompted.network.steps"),
        ({"from_sweep": True}, "prompted.from_sweep"),
    ],
)
def test_what_the_unrolled_network_does_not_have_is_refused(changes: Tree, said: str) -> None:
    section = PARAMS["pretrain"] | {"prompted": PARAMS["pretrain"]["prompted"] | changes}
    with pytest.raises(ValidationError, match=said):
        PretrainConfig.model_validate_json(json.dumps(section))
