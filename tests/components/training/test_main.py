"""Laws of training without Ray: few dependencies, one line per mistake, and the same bits however often killed."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from components.channel.scenario import Scenario
from components.channel.simulator import simulate
from components.data.shards import Manifest, ScenarioEntry, write_shard
from components.training import __main__ as train
from components.training import checkpoint
from components.training.checkpoint import load_tensors, model_from_backbone

EPOCHS = 12
CONFIG = {
    "backbone": {"layers": 1, "width": 16, "heads": 4, "bias_width": 8},
    "epochs": EPOCHS,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "schedule": {"kind": "plateau", "patience": 0, "warmup_steps": 3},
}
# One thread per process on this busy machine; Gloo must not look for a network that a sandbox may lack.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
# A machine without this project's services: none of them can be imported.
BARE = """
import runpy, sys

ABSENT = {"ray", "mlflow", "dvc", "typer", "rich", "numba", "onnx", "onnxruntime", "scipy", "pipelines"}
finders = list(sys.meta_path)

class OnlyTheRest:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            return None
        return next((spec for finder in finders if (spec := finder.find_spec(name, path, target))), None)

sys.meta_path[:] = [OnlyTheRest()]
runpy.run_module("components.training", run_name="__main__", alter_sys=True)
"""
# What each of two processes is left with, beside what the first of them has saved.
RANK = """
from components.training import __main__ as train
from components.training.checkpoint import save_tensors

options = train.parse()
loop = train.train(options)
modules = {"student": loop.student, "teacher": loop.teacher}
for name, module in modules.items():
    save_tensors(options.out / f"{name}-{loop.group.rank}.safetensors", dict(module.state_dict()))
train.dist.destroy_process_group()
"""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Training here, in the tests' own process, does not change what other tests run with."""
    before = torch.are_deterministic_algorithms_enabled()
    yield
    assert torch.are_deterministic_algorithms_enabled() == before


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small scenarios for training and one of the paper's for tests."""
    folder, scenarios = tmp_path_factory.mktemp("data"), {}
    for name, links in (("small", 4), ("large", 6), ("D16", 5)):
        scenario = Scenario(name, links, 2.0, 65.0)
        shards = {
            split: (write_shard(folder / f"{name}.{split}.parquet", simulate(scenario, rows, rows), {}),)
            for split, rows in (("train", 20), ("val", 9))
        }
        scenarios[name] = ScenarioEntry(parameters={"links": links}, splits=shards)
    Manifest(seed=0, scenarios=scenarios).save(folder)
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_config(tmp_path_factory.mktemp("config"))


def write_config(folder: Path, **changes: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(CONFIG | changes))
    return path


def options(data: Path, out: Path, config: Path) -> list[str]:
    return ["--data", str(data), "--out", str(out), "--config", str(config), "--device", "cpu"]


def run(*command: str, root: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = ENVIRONMENT | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, timeout=300
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def finished(
    data: Path, config: Path, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """An uninterrupted run on a machine that has nothing but the few dependencies."""
    out = tmp_path_factory.mktemp("finished")
    return out, run("-c", BARE, *options(data, out, config), root=root)


Finished = tuple[Path, subprocess.CompletedProcess[str]]


def test_a_bare_machine_is_enough_and_gets_a_usable_backbone(finished: Finished) -> None:
    out, _ = finished
    model = model_from_backbone(out / "backbone", seed=0)
    student = load_tensors(out / "checkpoints" / "last" / "student.safetensors")
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(value, student[f"encoder.backbone.{name}"])


def test_stdout_is_the_learning_curve_and_stderr_the_status(finished: Finished) -> None:
    header, *rows = [line.split(",") for line in finished[1].stdout.splitlines()]
    assert {"epoch", "train_loss", "validation_loss", "edge_rmse_db", "best"} <= set(header)
    assert [float(row[header.index("epoch")]) for row in rows] == list(range(EPOCHS))
    assert {len(row) for row in rows} == {len(header)}
    status = rf".*backbone: (healthy|plateau|collapsed) after {EPOCHS} epochs\n"
    assert re.fullmatch(status, finished[1].stderr)


def test_the_best_checkpoint_is_the_one_with_the_least_validation_loss(finished: Finished) -> None:
    states = {
        name: json.loads((finished[0] / "checkpoints" / name / "state.json").read_text())
        for name in ("best", "last")
    }
    losses = [row["validation_loss"] for row in states["last"]["history"]]
    assert len(losses) == EPOCHS
    assert states["best"]["epochs_done"] == 1 + losses.index(min(losses))


def test_killed_and_started_again_gives_the_same_bits(
    finished: Finished, data: Path, config: Path, root: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "components.training", *options(data, tmp_path, config)]
    with subprocess.Popen(command, cwd=root, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):  # the header and two epochs
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "backbone").exists(), "it had ended before it was killed"
    again = run(*command[1:], root=root)
    assert 1 < len(again.stdout.splitlines()) <= EPOCHS - 1  # header and what was left
    assert contents(tmp_path) == contents(finished[0])


def test_starting_a_finished_run_again_trains_no_further(
    finished: Finished, data: Path, config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = contents(finished[0])
    train.main(options(data, finished[0], config))
    assert capfd.readouterr().out == ""
    assert contents(finished[0]) == before


@pytest.mark.slow
def test_two_processes_end_with_the_weights_that_the_first_one_saved(
    data: Path, config: Path, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "rank.py").write_text(RANK)
    out = tmp_path / "out"
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d"]
    launcher += ["--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1"]
    run(*launcher, str(tmp_path / "rank.py"), *options(data, out, config), root=root)
    for name in ("student", "teacher"):
        saved = (out / "checkpoints" / "last" / f"{name}.safetensors").read_bytes()
        assert [(out / f"{name}-{rank}.safetensors").read_bytes() == saved for rank in (0, 1)] == [True, True]


def test_a_process_killed_while_a_checkpoint_is_replaced_leaves_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "last"

    def save(number: int) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            step("save")
            (path / "number").write_text(str(number))

        return write

    def step(name: str, *_: object, **__: object) -> None:
        nonlocal allowed
        if allowed == 0:
            raise KeyboardInterrupt(name)
        allowed -= 1

    allowed = 100
    checkpoint.replace_checkpoint(folder, save(0))
    renames, removals = os.replace, shutil.rmtree
    monkeypatch.setattr(checkpoint.os, "replace", lambda *paths: (step("rename"), renames(*paths)))
    monkeypatch.setattr(
        checkpoint.shutil, "rmtree", lambda path, **how: (step("remove"), removals(path, **how))
    )
    seen = []
    for number in range(1, 12):  # killed ever later, and never cleaned up after
        allowed = number - 1
        with contextlib.suppress(KeyboardInterrupt):
            checkpoint.replace_checkpoint(folder, save(number))
        kept = checkpoint.newest_checkpoint(folder)
        assert kept is not None
        seen.append(int((kept / "number").read_text()))
    assert seen == sorted(seen)
    assert seen[0] == 0
    assert seen[-1] == 11


def refusal(arguments: list[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        train.main(arguments)
    message = caught.value.code
    assert isinstance(message, str), "not a message, which Python prints before it exits with 1"
    assert "\n" not in message
    return message


def test_missing_data_are_one_line_and_status_1(config: Path, root: Path, tmp_path: Path) -> None:
    done = run(
        "-m", "components.training", *options(tmp_path / "none", tmp_path, config), root=root, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path / 'none' / 'manifest.json'} is missing: run the simulate stage first\n"
    assert done.stdout == ""
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_another_run_is_refused(
    finished: Finished, data: Path, config: Path, tmp_path: Path
) -> None:
    before = contents(finished[0])
    here = options(data, finished[0], config)
    other = write_config(tmp_path, mask_ratio=0.5)
    assert "another config: choose another --out" in refusal(options(data, finished[0], other))
    assert "another seed: " in refusal([*here, "--seed", "2"])
    assert "another data: " in refusal(
        [*here, "--scenarios", "large", "small"]
    )  # their order decides batches
    assert contents(finished[0]) == before


def test_two_runs_never_write_into_one_folder(data: Path, config: Path, tmp_path: Path) -> None:
    with train.only_writer(tmp_path / "checkpoints"):
        assert "another process trains into" in refusal(options(data, tmp_path, config))
    with train.only_writer(tmp_path / "checkpoints"):
        pass  # free again


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
        ({"epoch": 3}, "epoch: Extra inputs are not permitted"),
        ({"backbone": {"width": 16, "heads": 5}}, "width 16 is not divisible by heads 5"),
    ],
)
def test_mistakes_in_the_configuration_are_named(
    data: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    assert message in refusal(options(data, tmp_path / "out", write_config(tmp_path, **changes)))
    assert not (tmp_path / "out").exists()


def test_files_and_scenarios_that_are_not_there_are_named(data: Path, config: Path, tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere.json") in refusal(options(data, tmp_path, tmp_path / "nowhere.json"))
    here = options(data, tmp_path / "out", config)
    assert refusal([*here, "--scenarios", "D7"]).startswith("scenario D7 is not among the simulated ones")


def test_scenarios_for_tests_are_trained_on_only_by_name(
    data: Path,
) -> None:
    manifest = Manifest.load(data)
    assert train.default_scenarios(manifest) == ["small", "large"]
    only = manifest.model_copy(update={"scenarios": {"D16": manifest.scenarios["D16"]}})
    with pytest.raises(SystemExit, match="name them with --scenarios"):
        train.default_scenarios(only)


def test_a_gpu_that_is_not_there_is_named(data: Path, config: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has GPUs")
    assert "finds 0 GPUs" in refusal([*options(data, tmp_path, config), "--device", "cuda"])


def test_snapshots_can_be_drawn_as_they_are_needed(root: Path, tmp_path: Path, config: Path) -> None:
    """Without data and without a compiler; stopped and gone on with, the same bits."""
    words = ["--simulate", "16", "--scenarios", "D1", "D6", "--config", str(config), "--device", "cpu"]
    whole = run("-c", BARE, *words, "--out", str(tmp_path / "whole"), root=root)
    assert "after" in whole.stderr
    first = train.train(train.parse([*words, "--out", str(tmp_path / "again")]))
    weights = load_tensors(tmp_path / "whole" / "backbone" / "backbone.safetensors")
    again = load_tensors(tmp_path / "again" / "backbone" / "backbone.safetensors")
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert first.history[0]["train_loss"] > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--simulate", "0"], "count from 1 on"),
        (["--simulate", "5", "--scenarios", "D99"], "D99"),
        (["--simulate", "5", "--data", "folder"], "not allowed with"),
        ([], "required"),
    ],
)
def test_impossible_sources_are_one_line(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        train.main([*words, "--out", str(tmp_path)])
    assert told in str(caught.value) + capsys.readouterr().err
