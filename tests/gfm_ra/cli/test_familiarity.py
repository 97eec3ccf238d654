"""`gfm-ra familiarity` says what the library says, and makes references that the library and the server read."""

import io
from pathlib import Path

import numpy as np
import pytest

from gfm_ra import Network, familiarity
from gfm_ra.cli.main import run


def ask(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(words)
    return int(ended.value.code or 0)


@pytest.fixture
def gain_db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """300 networks of 5 links in many.npz, as many of 9 in large.npz, one in one.csv."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    for name, links in (("large.npz", 9), ("many.npz", 5)):
        drawn = generator.normal(5.0, 8.0, (300, links, links)) + 20.0 * np.eye(links)
        np.savez(name, gain_db=drawn)
    np.savetxt("one.csv", drawn[0], delimiter=",")
    return drawn


def test_it_says_what_the_library_says(gain_db: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("familiarity", "many.npz", "--reference", "home") == 0
    told = capsys.readouterr()
    expected = familiarity.of(Network(gain_db=gain_db), "home")
    np.testing.assert_allclose(np.array(told.out.split(), float), expected, rtol=1e-3)
    assert "300 networks, reference home: median familiarity" in told.err
    assert ask("familiarity", "one.csv", "--db") == 0
    assert len(capsys.readouterr().out.split()) == 1


def test_a_reference_of_own_networks(gain_db: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("familiarity", "many.npz", "large.npz", "--fit", "own.npz") == 0
    assert "about 5, 9 links" in capsys.readouterr().err
    assert ask("familiarity", "many.npz", "--reference", "own.npz") == 0
    found = np.array(capsys.readouterr().out.split(), float)
    assert 0.3 < np.median(found) < 0.7


def test_sizes_that_the_reference_lacks_are_said(
    gain_db: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("familiarity", "many.npz", "--fit", "own.npz") == 0
    capsys.readouterr()
    assert ask("familiarity", "large.npz", "--reference", "own.npz") == 0
    told = capsys.readouterr()
    assert set(told.out.split()) == {"nan"}
    assert "networks of about 5 links: nothing is known of 9" in told.err


def test_the_format_says_what_stdin_is_beside_files(
    gain_db: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path("one.csv").read_bytes())))
    assert ask("familiarity", "-", "one.csv", "--db", "--format", "csv") == 0
    first, second = capsys.readouterr().out.split()
    assert first == second


@pytest.mark.parametrize(
    "words",
    [
        ("--reference", "nowhere.npz"),
        ("--reference", "one.csv"),
        ("--reference", "many.npz"),
        ("--fit", "own.npz", "--reference", "home"),
        ("--fit", "own.csv"),
        ("--fit", "many.npz"),
        ("--unit", "linear", "--db"),
        ("--format", "csv"),
        ("--format", "csv", "--fit", "own.npz"),
    ],
)
def test_bad_input_is_one_line(
    gain_db: np.ndarray, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("many.npz").read_bytes()
    assert ask("familiarity", "many.npz", *words) == 2
    told = capsys.readouterr()
    assert not told.out
    assert len(told.err.strip().splitlines()) == 1
    assert Path("many.npz").read_bytes() == before


def test_too_few_networks_leave_no_file(gain_db: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("familiarity", "one.csv", "--db", "--fit", "own.npz") == 2
    assert "a reference needs" in capsys.readouterr().err
    assert not [path for path in Path().iterdir() if "own" in path.name]
