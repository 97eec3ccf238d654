"""Laws of every stage: checks before work, all outputs or none, one line for what a person can mend."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import pytest
import yaml

from components.config import Strict
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import RESUME, Context, Outcome, Stage, main, read_params, resume_key
from pipelines.stages import finetune, pretrain, solve

TARGET = Path("made/folder")
NOTHING = {"params.yaml", "mlflow.db", "mlflow.db.lock", "dags"}  # what the workspace holds before any stage


class Section(Strict):
    size: int = 3


def work(context: Context[Section]) -> Outcome:
    folder = context.scratch / "folder"
    folder.mkdir(exist_ok=True)
    (folder / "file").write_text(f"{context.config.size} {context.seed}")
    return Outcome({TARGET: folder}, ["what", "how much"], [["things", "12"]], {"things": 12.0})


def stage(**changes: Any) -> Stage[Section]:
    """A stage of the test's own; its name is a real module's, whose code becomes part of the key."""
    values = {"work": work, "inputs": lambda _: [], "outputs": [TARGET]} | changes
    return Stage("simulate", Section, **values)


@pytest.fixture(autouse=True)
def own_section(workspace: Path) -> None:
    write(seed=1, simulate={"size": 3})


def write(**params: Any) -> None:
    Path("params.yaml").write_text(yaml.safe_dump(params))


def refusal(tested: Stage[Any], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a stage ends as a program."""
    with pytest.raises(SystemExit) as caught:
        main(tested)
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tested.label}: ")
    return line


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file() and "dags" not in path.parts} - NOTHING


# --- parameters ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", ["params.yaml", "not valid YAML"]),
        ("- 1", ["params.yaml", "mapping"]),
        ("seed: 1", ["no section simulate", "restore"]),
        ("{seed: 1, simulate: {sizes: 3}}", ["simulate.sizes", "spelling"]),
        ("{seed: 1, simulate: {size: three}}", ["simulate.size", "integer", "'three'"]),
        ("{simulate: {}}", ["seed", "whole number"]),
        ("{seed: 1.5, simulate: {}}", ["seed", "1.5"]),
        ("{seed: true, simulate: {}}", ["seed", "True"]),
    ],
)
def test_bad_parameters_are_one_line(text: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text(text)
    line = refusal(stage(), capsys)
    assert all(word in line for word in words)
    assert not files()


def test_parameters_that_are_not_utf8_are_one_line_with_the_place(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_bytes("seed: 1  # für alle\n".encode("cp1252"))
    assert "params.yaml is not UTF-8 (byte 0xfc at position 12): save it as UTF-8" in refusal(stage(), capsys)
    assert not files()


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-16", "is not UTF-8"), ("utf-16-le", "is not valid YAML")]
)
def test_parameters_in_utf16_are_one_line(
    encoding: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.yaml").write_bytes("seed: 1\n".encode(encoding))
    assert f"params.yaml {said}" in refusal(stage(), capsys)
    assert not files()


def test_a_mark_of_byte_order_before_the_parameters_is_no_part_of_them() -> None:
    text = Path("params.yaml").read_text()
    expected = read_params()
    Path("params.yaml").write_bytes(text.encode("utf-8-sig"))
    assert read_params() == expected


def test_without_parameters_it_says_where_it_looked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").unlink()
    assert str(Path.cwd()) in refusal(stage(), capsys)
    with pytest.raises(UserError, match="top folder of the repository"):
        read_params()


def test_sections_of_other_stages_are_not_read() -> None:
    write(seed=1, simulate={}, pretrain={"no such": "thing"})
    main(stage())
    assert (TARGET / "file").read_text() == "3 1"


# --- files ---


@pytest.mark.parametrize(
    ("tested", "missing"),
    [
        (solve.STAGE, "data/simulate"),
        (pretrain.stage("hybrid"), "data/simulate"),
        (finetune.stage("qos"), "data/simulate"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.label,
)
def test_a_missing_input_is_named_before_any_work(
    tested: Stage[Any], missing: str, params: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = {"objectives": ["qos"], "scenarios": ["near"]}
    write(**params | {"finetune": recipe})
    line = refusal(tested, capsys)
    assert f"{missing} is missing" in line
    assert "dvc repro" in line
    assert not files()


def test_an_output_folder_below_a_file_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("made").write_text("a file where a folder is needed")
    line = refusal(stage(), capsys)
    assert "made" in line
    assert "move it away" in line
    assert files() == {"made"}


@pytest.mark.parametrize("place", ["made", ".resume"])
def test_a_place_that_cannot_be_written_is_refused(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(place).symlink_to("/sys/kernel")  # root may not write here either
    line = refusal(stage(work=lambda _: pytest.fail("worked")), capsys)
    assert place in line
    assert "choose" in line
    assert not files()


def test_a_full_disk_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    line = refusal(stage(work=lambda _: pytest.fail("worked")), capsys)
    assert "1 MiB are free" in line
    assert "free some space" in line


def test_a_disk_that_fills_up_during_the_work_leaves_the_old_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(stage())

    def fill(context: Context[Section]) -> Outcome:
        outcome = work(context)
        with Path("/dev/full").open("w") as file:
            file.write("x" * 100_000)
        return outcome

    write(seed=2, simulate={"size": 4})
    assert "no space left" in refusal(stage(work=fill), capsys)
    assert (TARGET / "file").read_text() == "3 1"


# --- tracking ---


def test_no_mlflow_server_is_one_quick_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    started = time.monotonic()
    line = refusal(stage(work=lambda _: pytest.fail("worked")), capsys)
    assert time.monotonic() - started < 60  # MLflow itself would try again for four minutes
    assert "no MLflow server answers at http://127.0.0.1:9" in line
    assert "mend MLFLOW_TRACKING_URI" in line
    assert not files()


def last_run() -> mlflow.entities.Run:
    return mlflow.search_runs(experiment_names=["gfm-ra"], output_format="list")[0]


def test_a_finished_stage_is_a_finished_run_with_its_parameters() -> None:
    main(stage(variant="qos"))
    run = last_run()
    assert (run.info.status, run.info.run_name) == ("FINISHED", "simulate@qos")
    assert run.data.params == {"seed": "1", "size": "3"}
    assert run.data.metrics["things"] == 12.0
    assert run.data.metrics["seconds"] > 0.0


def test_a_failed_stage_is_a_failed_run(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(context: Context[Section]) -> Outcome:
        raise UserError("no luck")

    assert "no luck" in refusal(stage(work=fail), capsys)
    assert last_run().info.status == "FAILED"


# --- outputs ---


def test_outputs_are_replaced_whole_and_scratch_is_removed(run_stage: Callable[[Stage], str]) -> None:
    TARGET.mkdir(parents=True)
    (TARGET / "old").write_text("old")
    printed = run_stage(stage())
    assert [path.name for path in TARGET.iterdir()] == ["file"]
    assert not list((RESUME / "simulate").iterdir())
    assert "simulate: done in" in printed
    assert "things" in printed


def test_a_defect_shows_its_traceback_and_keeps_what_was_done(run_stage: Callable[[Stage], str]) -> None:
    def break_down(context: Context[Section]) -> Outcome:
        work(context)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        main(stage(work=break_down))
    assert not TARGET.exists()
    (scratch,) = (RESUME / "simulate").iterdir()
    assert (scratch / "folder/file").is_file()


def key(inputs: tuple[Path, ...] = (), seed: int = 1, size: int = 3, variant: str = "") -> str:
    tested = stage(inputs=lambda _: inputs, variant=variant)
    return resume_key(tested, Section(size=size), seed)


def test_interrupted_work_is_found_again_exactly_if_nothing_that_matters_changed(tmp_path: Path) -> None:
    folder, manifest = tmp_path / "input", tmp_path / "input/manifest.json"
    folder.mkdir()
    (folder / "a").write_text("1")
    keys = [key(), key(seed=2), key(size=4), key(variant="qos"), key((folder,))]
    assert key((folder,)) == keys[-1]
    (folder / "a").write_text("2")
    keys.append(key((folder,)))
    (folder / "a").rename(folder / "b")
    keys.append(key((folder,)))
    manifest.write_text("{}")  # vouches for the rest of its folder
    keys.append(key((folder,)))
    assert len(set(keys)) == len(keys)
    (folder / "b").write_text("3")
    assert key((folder,)) == keys[-1]


def test_the_key_follows_the_code_of_the_stage() -> None:
    simulate_key = key()
    other = Stage("solve", Section, work, lambda _: [], [TARGET])
    assert resume_key(other, Section(), 1) != simulate_key
