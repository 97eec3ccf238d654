"""Laws of the sweep: every trial counted, failures told, the choice justified by the table."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pyarrow.parquet as pq
import pytest
import yaml

from components.evaluation.few_shot import FEW_SHOT as SCORE
from components.training.config import PretrainingConfig
from gfm_ra.processors import cores
from pipelines.cluster.session import session
from pipelines.runtime import paths
from pipelines.runtime.stage import RESUME, Stage, main
from pipelines.stages.pretrain import ModelConfig, with_overrides
from pipelines.stages.sweep import STAGE

Tree = dict[str, Any]
# So few pairs that none is hidden among 5 links: the loss is not a number, and the trial fails.
HOPELESS_RATIO = 0.01
CPUS = cores()


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session(
        dashboard=True
    ):  # without it, trials with trainers of their own leave placement groups behind
        yield


def write(params: Tree) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.fixture(scope="module")
def swept(
    ray_session: None, module_workspace: Path, simulated: Path, run_stage: Callable[[Stage], str]
) -> tuple[Path, str]:
    """A folder in which a sweep of two good trials and a hopeless one has run, and what it printed."""
    shutil.copytree(simulated, paths.DATA)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["sweep"]["space"]["mask_ratio"] = [0.3, HOPELESS_RATIO, 0.5]
    write(params)
    return module_workspace, run_stage(STAGE)


@pytest.mark.slow
def test_the_table_has_a_row_per_trial_in_the_order_of_the_grid(swept: tuple[Path, str]) -> None:
    rows = pq.read_table(swept[0] / paths.SWEEP / "trials.parquet").to_pylist()
    assert [row["mask_ratio"] for row in rows] == [0.3, HOPELESS_RATIO, 0.5]
    assert all((row["layers"], row["width"], row["heads"]) == (1, 16, 4) for row in rows)
    assert [row[SCORE] is None for row in rows] == [False, True, False]
    assert all(0.0 < row[SCORE] < 1.2 and row["edge_rmse_db"] > 0 for row in rows if row[SCORE] is not None)
    assert [row["error"] for row in rows] == [None, "the loss is not a number after epoch 1", None]
    for name in ("ratio.png", "parallel.png", "scaling.png"):
        assert (swept[0] / paths.SWEEP / name).stat().st_size > 5_000


@pytest.mark.slow
def test_the_best_choice_is_the_tables_best_and_fits_pretraining(swept: tuple[Path, str]) -> None:
    folder, _ = swept
    rows = pq.read_table(folder / paths.SWEEP / "trials.parquet").to_pylist()
    best = json.loads((folder / paths.SWEEP / "best.json").read_text())
    winner = max((row for row in rows if row[SCORE] is not None), key=lambda row: row[SCORE])
    assert best["mask_ratio"] == winner["mask_ratio"]
    PretrainingConfig.model_validate_json(json.dumps(best))
    base = ModelConfig(scenarios=("near",), mask_ratio=0.9)
    merged = with_overrides(base, "hybrid", folder / paths.overrides(True))
    assert merged.mask_ratio == best["mask_ratio"]
    assert merged.backbone.width == 16
    assert merged.scenarios == base.scenarios


@pytest.mark.slow
def test_a_failed_trial_is_reported_and_does_not_end_the_sweep(swept: tuple[Path, str]) -> None:
    folder, printed = swept
    assert printed.count("failed") == 1
    assert printed.count("best") == 1
    summary = json.loads((folder / paths.metrics("sweep")).read_text())
    assert summary["failed_trials"] == 1
    (failed,) = mlflow.search_runs(
        experiment_names=["gfm-ra"], filter_string="status = 'FAILED'", output_format="list"
    )
    assert f"mask_ratio={HOPELESS_RATIO}" in failed.info.run_name
    assert failed.data.tags["error"]


@pytest.mark.slow
def test_every_trial_is_an_mlflow_run_below_the_stages_own(swept: tuple[Path, str]) -> None:
    runs = mlflow.search_runs(experiment_names=["gfm-ra"], output_format="list")
    (parent,) = [run for run in runs if run.info.run_name == "sweep"]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == 3 == len(runs) - 1
    finished = [run for run in children if run.info.status == "FINISHED"]
    assert len(finished) == 2
    for run in finished:
        assert 0.0 < run.data.metrics[SCORE] < 1.2
        assert "edge_rmse_db" in run.data.metrics
        assert run.data.metrics["training_seconds"] > 0
        assert run.data.params["backbone.width"] == "16"


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main(STAGE)
    assert caught.value.code == 1
    assert not list(RESUME.glob("sweep/*/tune/*"))  # no trial was started first
    (line,) = capsys.readouterr().err.splitlines()
    assert not paths.SWEEP.exists()
    return line


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        (("workers_per_trial",), 999, ["999 workers", f"{CPUS} CPUs", "lower them"]),
        (("threads_per_worker",), CPUS + 1, [f"{CPUS + 1} threads", f"{CPUS} CPUs", "RAY_ADDRESS"]),
        (("train_rows",), 999, ["near/train", "999", "simulate section"]),
        (("few_shot", "val_rows"), 999, ["near/val", "999", "simulate section"]),
        (("scenarios",), ["D9"], ["D9", "simulate section"]),
        (("space", "mask_ratio"), [0.3, 1.0], ["space.mask_ratio", "less than 1"]),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_a_sweep_that_cannot_run_says_so_at_once(
    ray_session: None, workspace: Path, simulated: Path, params: Tree, capsys: pytest.CaptureFixture[str],
    section: tuple[str, ...], change: object, words: list[str],
) -> None:  # fmt: skip
    shutil.copytree(simulated, paths.DATA)
    target = params["sweep"]
    for name in section[:-1]:
        target = target[name]
    target[section[-1]] = change
    write(params)
    line = refusal(capsys)
    for word in words:
        assert word in line.replace("sweep: ", "", 1), line
