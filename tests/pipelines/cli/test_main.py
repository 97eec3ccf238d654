"""Laws of the command line: gains in, powers out, and one line for whatever a person got wrong."""

import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import mlflow
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.heads import PowerModel
from components.model.prompted import PromptedModel
from components.training.checkpoint import MODEL_NAME, ModelCard, save_model
from gfm_ra.cli.main import dispatch
from gfm_ra.files.writers import write_array
from gfm_ra.goals import Objective, QoS, SumRate, Weighted
from gfm_ra.loading import load
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse
from pipelines.cli import main as cli
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.runtime.errors import UserError
from pipelines.stages.register import PARAMETERS
from tests.exported import export_once, lively_prompted

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
ONE_GOAL = "models:/gfm-ra-sum-rate@champion"
CHAMPION = ("--model", "models:/gfm-ra-prompted@champion", "--effort", "fast")


def register(model: PowerModel | PromptedModel, name: str, parameters: dict | None) -> None:
    export_once(model, Path(f"{name}.onnx"))
    runs.connect()
    with runs.run("register", {}) as run:
        files = {"graph": Path(f"{name}.onnx")}
        if isinstance(model, PowerModel):
            files["weights"] = Path(name)
            files["weights"].mkdir()
            card = ModelCard(backbone=CONFIG, objective=SumRate.name)
            save_model(files["weights"], model, card, MODEL_NAME)
        version = versions.add_version(run, name, pyfunc_program.PATH, files, ["mlflow"], {}, parameters)
    aliases.promote(name, version)


@pytest.fixture(scope="module")
def prompted(module_workspace: Path) -> PromptedModel:
    """The champion of a registry that also holds a model for one goal."""
    torch.manual_seed(0)
    register(PowerModel(CONFIG), "gfm-ra-sum-rate", None)
    model = lively_prompted()
    register(model, "gfm-ra-prompted", PARAMETERS)
    return model


@pytest.fixture
def gain(tmp_path: Path) -> np.ndarray:
    gain = np.random.default_rng(0).exponential(10.0, (3, 5, 5)).astype(np.float32)
    gain[:, range(5), range(5)] *= 100.0
    np.save(tmp_path / "gain.npy", gain)
    np.save(tmp_path / "gain_db.npy", 10.0 * np.log10(gain[0]))
    return gain


def ask(*words: str | Path) -> str:
    """What a command prints on stdout; an expected error comes through."""
    out = StringIO()
    with redirect_stdout(out):
        code = dispatch([str(word) for word in words])
    assert code == 0, out.getvalue()
    return out.getvalue()


def clone(*words: str | Path) -> str:
    """The same of the clone's own commands."""
    answer = CliRunner().invoke(cli.app, [str(word) for word in words])
    if answer.exception is not None:
        raise answer.exception
    return answer.output


def expected(model: PromptedModel, gain: np.ndarray, objective: Objective) -> np.ndarray:
    with torch.no_grad():
        gain_db = torch.from_numpy(10.0 * np.log10(gain))
        return model(gain_db, goals_of(objective, *gain.shape[:2])).numpy()


def test_powers_are_those_of_the_prompted_champion(
    prompted: PromptedModel, gain: np.ndarray, tmp_path: Path
) -> None:
    ask("allocate", tmp_path / "gain.npy", tmp_path / "power.npy", *CHAMPION)
    np.testing.assert_allclose(
        np.load(tmp_path / "power.npy"), expected(prompted, gain, SumRate()), atol=1e-4
    )
    goal = ("--goal", "qos", "--min-rate", "0.7", "--penalty", "4")
    ask("allocate", tmp_path / "gain_db.npy", tmp_path / "power.npy", "--db", *goal, *CHAMPION)
    np.testing.assert_allclose(
        np.load(tmp_path / "power.npy"), expected(prompted, gain[:1], QoS(0.7, 4.0))[0], atol=1e-4
    )


def test_without_a_champion_the_candidate_is_named(
    prompted: PromptedModel, gain: np.ndarray, tmp_path: Path
) -> None:
    aliases.offer("gfm-ra-prompted", "1")
    client = mlflow.MlflowClient()
    client.delete_registered_model_alias("gfm-ra-prompted", "champion")
    try:
        assert "candidate, version 1, answers" in ask("doctor")
        with pytest.raises(UserError, match="gfm-ra-prompted@champion cannot be fetched"):
            ask("allocate", tmp_path / "gain.npy", tmp_path / "other.npy", *CHAMPION)
    finally:
        client.set_registered_model_alias("gfm-ra-prompted", "champion", "1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("missing.npy",), "missing.npy is missing"),
        (("gain_db.npy",), "say --db"),
        (("gain.npy", "--alpha", "2"), "alpha belongs to goal 'alpha-fair'"),
        (("gain.npy", "--goal", "qos", "--alpha", "2"), "alpha belongs to goal 'alpha-fair'"),
        (("gain.npy", "--goal", "speed"), "unknown"),
        (("gain.npy", "--goal", "qos", "--model", ONE_GOAL), "tuned for sum-rate alone"),
        (("gain.npy", "--model", "models:/nothing@champion"), "cannot be fetched"),
        (("gain.txt",), "must end in .npy, .npz, .csv"),
        (("gain.npy", "--weights", "none.csv"), "none.csv is missing"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(
    prompted: PromptedModel, gain: np.ndarray, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    first, *rest = words
    with pytest.raises((UserError, ValueError), match=said):
        ask("allocate", tmp_path / first, tmp_path / "power.npy", *rest)
    assert not (tmp_path / "power.npy").exists()


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".parquet"])
def test_every_format_gives_the_same_powers(
    prompted: PromptedModel, gain: np.ndarray, tmp_path: Path, kind: str
) -> None:
    gains, powers = tmp_path / f"gain{kind}", tmp_path / f"power{kind}"
    write_array(gains, 10.0 * np.log10(gain), "gain_db")
    ask("allocate", gains, powers, *(["--db"] if kind in (".npy", ".csv") else []), *CHAMPION)
    found = {
        ".npy": lambda: np.load(powers),
        ".npz": lambda: np.load(powers)["power"],
        ".csv": lambda: np.loadtxt(powers, delimiter=","),
        ".parquet": lambda: np.array(pq.read_table(powers)["power"].to_pylist()),
    }[kind]()
    np.testing.assert_allclose(found, expected(prompted, gain, SumRate()), atol=1e-4)


def test_old_flags_mean_an_effort_and_it_is_said(
    prompted: PromptedModel, gain: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags in (("--polish", 3), ("--guard",)):
        ask("allocate", tmp_path / "gain.npy", tmp_path / "old.npy", *CHAMPION[:2], *flags)
        assert f"{flags[0]} is part of --effort balanced now" in capsys.readouterr().err
        ask("allocate", tmp_path / "gain.npy", tmp_path / "new.npy", *CHAMPION[:2], "--effort", "balanced")
        np.testing.assert_array_equal(np.load(tmp_path / "old.npy"), np.load(tmp_path / "new.npy"))
    ask("allocate", tmp_path / "gain.npy", tmp_path / "p.npy", "--guard", "--model", ONE_GOAL)
    rates = spectral_efficiency(np.load(tmp_path / "p.npy"), gain).sum(-1)
    assert (rates >= spectral_efficiency(full_reuse(gain), gain).sum(-1) - 1e-4).all()
    with pytest.raises(UserError, match="contradict each other"):
        ask("allocate", tmp_path / "gain.npy", tmp_path / "p.npy", "--guard", "--effort", "fast")


def test_what_a_model_was_tuned_for_is_read_wherever_it_lies(prompted: PromptedModel, tmp_path: Path) -> None:
    clone("models", "export", "gfm-ra-sum-rate", "champion", tmp_path / "model")
    assert load(tmp_path / "model").objective == load(ONE_GOAL).objective == SumRate()
    (card,) = (tmp_path / "model").glob("artifacts/*/config.json")
    card.write_text(card.read_text().replace("sum-rate", "qos"))
    assert load(tmp_path / "model").objective == QoS()
    card.unlink()
    with pytest.raises(UserError, match="does not say what it was tuned for"):
        load(tmp_path / "model")


def test_reading_makes_no_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "gain.npy", np.ones((2, 2)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="there is no registry"):
        ask("allocate", "gain.npy", "power.npy", *CHAMPION)
    with pytest.raises(UserError, match="there is no registry"):
        clone("models", "list")
    with pytest.raises(UserError, match="there is no registry"):
        ask("serve", *CHAMPION[:2])
    assert "any-world" in ask("models", "list")  # those in the package are there all the same
    assert {path.name for path in tmp_path.iterdir()} == {"gain.npy"}


def test_powers_do_not_overwrite_gains(prompted: PromptedModel, gain: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name another file"):
        ask("allocate", tmp_path / "gain.npy", tmp_path / "gain.npy")
    np.savez(tmp_path / "linear.npz", gain=gain)
    with pytest.raises(UserError, match="which is linear"):
        ask("allocate", tmp_path / "linear.npz", tmp_path / "power.npy", "--db")


def test_priorities_come_from_a_file(prompted: PromptedModel, gain: np.ndarray, tmp_path: Path) -> None:
    weights = np.array([5.0, 1.0, 1.0, 1.0, 0.1])
    np.savetxt(tmp_path / "weights.csv", weights[None], delimiter=",")
    ask(
        "allocate",
        tmp_path / "gain.npy",
        tmp_path / "p.npy",
        "--weights",
        tmp_path / "weights.csv",
        *CHAMPION,
    )
    goal = Weighted(SumRate(), weights.astype(np.float32))
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), expected(prompted, gain, goal), atol=1e-4)


def test_simulated_gains_are_the_channel_s_and_can_be_allocated(
    prompted: PromptedModel, tmp_path: Path
) -> None:
    clone("simulate", tmp_path / "g.npy", "--scenario", "D16", "--count", 2, "--seed", 3)
    np.testing.assert_array_equal(np.load(tmp_path / "g.npy"), simulate(SCENARIOS["D16"], 2, 3))
    clone("simulate", tmp_path / "g.parquet", "--links", 4, "--count", 2, "--db")
    ask("allocate", tmp_path / "g.parquet", tmp_path / "p.npy")
    assert np.load(tmp_path / "p.npy").shape == (2, 4)
    with pytest.raises(UserError, match="either --scenario or --links"):
        clone("simulate", tmp_path / "g.npy", "--scenario", "D16", "--links", 4)
    with pytest.raises(UserError, match="min_distance_m < max_distance_m"):
        clone("simulate", tmp_path / "g.npy", "--min-distance", 50, "--max-distance", 4)


def test_bench_prints_a_line_per_size_and_effort() -> None:
    words = ("bench", "--links", "2,3", "--batch", "1,2", "--seconds", "0.01", "--effort", "fast,best")
    printed = ask(*words).splitlines()
    assert len([line for line in printed if line.startswith(("fast", "best"))]) == 8
    assert all(len(line) <= 80 for line in printed)
    with pytest.raises(UserError, match="whole numbers"):
        ask("bench", "--links", "2,x")


def test_doctor_looks_at_packages_tracker_and_models(
    prompted: PromptedModel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "gfm-ra-prompted: champion, version 1, answers" in ask("doctor")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert dispatch(["doctor"]) == 1
    assert "no MLflow server answers" in capsys.readouterr().out
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://someone:secret@127.0.0.1:9")
    dispatch(["doctor"])
    assert "secret" not in capsys.readouterr().out


def test_doctor_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = ask("doctor")
    assert "not there yet" in told
    assert "instruction set" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["simulate", "adapt"])
def test_every_command_explains_itself_by_example(command: str) -> None:
    assert f"gfm-ra {command}" in clone(command, "--help")


def test_the_commands_start_without_torch_and_compilers(root: Path) -> None:
    code = "import sys, pipelines.cli.main; print(sorted({'torch', 'numba', 'ray'} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
