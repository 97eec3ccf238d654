"""The command line as a program: exit codes, one line for what is wrong, help and completion."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from gfm_ra.cli.main import run

SCRIPT = (sys.executable, "-c", "from gfm_ra.cli import main; main()")
OLDER = ("--model", "any-world-3")  # knows nothing of energy efficiency


def ask(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(words)
    return int(ended.value.code or 0)


@pytest.fixture
def gains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.chdir(tmp_path)
    gain_db = np.random.default_rng(0).normal(5.0, 10.0, (3, 4, 4)) + 25.0 * np.eye(4)
    np.savez("g.npz", gain_db=gain_db)
    np.savez("unknown.npz", gain_db=np.where(np.arange(4) == np.arange(4)[:, None] + 1, np.nan, gain_db))
    return gain_db


def test_json_holds_everything(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("allocate", "g.npz", "--json", "--goal", "qos", "--min-rate", "40") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"power", "rate", "utility", "source", "below_min_rate", "notes"}
    assert np.shape(found["power"]) == np.shape(found["rate"]) == (3, 4)
    assert found["below_min_rate"] == [4, 4, 4]
    assert "network 2, link 3: the least rate of 40" in " ".join(found["notes"])


def test_energy_efficiency_is_the_library_s(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--goal", "energy-efficiency", "--circuit-power", "0.5", "--amplifier-efficiency", "0.4")
    assert ask("allocate", "g.npz", "--json", *words, "--energy-kind", "weighted-sum") == 0
    found = json.loads(capsys.readouterr().out)
    goal = gfm_ra.EnergyEfficiency(0.5, 0.4, "weighted-sum")
    expected = gfm_ra.load().allocate(gain_db=gains, goal=goal)
    np.testing.assert_allclose(found["power"], expected.power)
    np.testing.assert_allclose(found["utility"], expected.utility)
    assert found["source"] == ["energy-efficient"] * 3


def test_powers_go_to_stdout_and_everything_else_to_stderr(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("allocate", "g.npz") == 0
    said = capsys.readouterr()
    assert np.loadtxt(said.out.splitlines(), delimiter=",").shape == (3, 4)
    first, *_, last = said.err.splitlines()
    assert "3 networks of 4 links, in dB" in first
    assert "powers of 4 links in 3 networks" in last


def test_stdin_is_read_and_a_closed_pipe_is_no_trouble(gains: np.ndarray) -> None:
    text = "\n".join(",".join(f"{cell:.2f}" for cell in row) for row in gains[0])
    words = (*SCRIPT, "allocate", "-", "--format", "csv", "--db", "--json")
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["power"]) == 4
    shell = " ".join(f"'{word}'" for word in (*SCRIPT, "models", "list"))
    done = subprocess.run(["bash", "-c", f"{shell} | true"], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("allocate",),
        ("allocate", "nothing.npy"),
        ("allocate", "g.npz", "--goal", "speed"),
        ("allocate", "g.npz", "--effort", "slow"),
        ("allocate", "g.npz", "--alpha", "two"),
        ("allocate", "g.npz", "--polish", "1e20"),
        ("allocate", "g.npz", "--model", "unheard-of"),
        ("allocate", "g.npz", "--goal", "energy-efficiency"),
        ("allocate", "g.npz", "--goal", "energy-efficiency", "--circuit-power", "-1"),
        ("allocate", "g.npz", "--goal", "energy-efficiency", "--circuit-power", "nan"),
        (
            "allocate",
            "g.npz",
            "--goal",
            "energy-efficiency",
            "--circuit-power",
            "1",
            "--amplifier-efficiency",
            "2",
        ),
        (
            "allocate",
            "g.npz",
            "--goal",
            "energy-efficiency",
            "--circuit-power",
            "1",
            "--energy-kind",
            "harmonic",
        ),
        (
            "allocate",
            "g.npz",
            "--goal",
            "energy-efficiency",
            "--circuit-power",
            "1",
            "--effort",
            "fast",
            *OLDER,
        ),
        ("allocate", "g.npz", "--goal", "energy-efficiency", "--circuit-power", "1", "--alpha", "1"),
        ("allocate", "unknown.npz", "--goal", "energy-efficiency", "--circuit-power", "1", *OLDER),
        ("allocate", "g.npz", "--circuit-power", "1"),
        ("allocate", "g.npz", "--goal", "qos", "--energy-kind", "global"),
        ("allocate", "g.npz", "out.npy", "--format", "csv"),
        ("allocate", "-"),
        ("bench", "--links", "0"),
        ("nonsense",),
        ("--nonsense",),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code = ask(*words)
    (line,) = capsys.readouterr().err.splitlines()
    assert code == 2
    assert line.startswith("gfm-ra: ")


def test_help_fits_eighty_columns_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    needed = (
        "allocate",
        "explain",
        "familiarity",
        "bench",
        "doctor",
        "models",
        "completion",
        "simulate",
        "serve",
    )
    for command in needed:
        assert any(line.strip().startswith(command) for line in lines)
    for command in ("allocate", "explain", "familiarity", "bench", "doctor", "models", "serve"):
        assert ask(command, "--help") == 0
        assert f"gfm-ra {command}" in capsys.readouterr().out


def test_completion_completes_commands_flags_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("completion", "bash") == 0
    script = capsys.readouterr().out

    def completed(*words: str) -> list[str]:
        text = f"{script}\nCOMP_WORDS=({' '.join(words)} '')\nCOMP_CWORD={len(words)}\n_gfm_ra\n"
        shown = subprocess.run(
            ["bash", "-c", text + 'printf "%s\\n" "${COMPREPLY[@]}"'], capture_output=True, text=True
        )
        return shown.stdout.split()

    assert {"allocate", "models", "doctor"} <= set(completed("gfm-ra"))
    assert "--goal" in completed("gfm-ra", "allocate")
    assert completed("gfm-ra", "allocate", "--effort") == ["fast", "balanced", "best"]
