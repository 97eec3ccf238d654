"""What training without Ray refuses: one line per mistake."""

from pathlib import Path

import pytest
import torch

from components.data.shards import Manifest
from components.training import __main__ as train
from tests.components.training.main.conftest import Finished, contents, options, run, write_config


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
