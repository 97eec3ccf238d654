"""Laws of training without Ray: few dependencies, and the same bits however often killed."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from components.training import __main__ as train
from components.training import checkpoint
from components.training.checkpoint import load_tensors, model_from_backbone
from tests.components.training.main.conftest import (
    BARE,
    ENVIRONMENT,
    EPOCHS,
    Finished,
    contents,
    options,
    run,
)

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
