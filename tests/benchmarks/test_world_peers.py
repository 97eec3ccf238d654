"""Peers in the suite: every run is a method, what it is made for is told, and the committed figures stay readable."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.worlds import report
from benchmarks.worlds.__main__ import main
from benchmarks.worlds.peers import of_folder
from benchmarks.worlds.run import GOALS, measure
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import networks
from components.evaluation.peers import PeerCard, PeerName, answer, fresh_peer, save_peer
from gfm_ra.errors import InputError
from gfm_ra.units import to_gain


def keep(folder: Path, peer: PeerName, run: int, name: str = "") -> None:
    place = folder / peer / (name or str(run))
    place.mkdir(parents=True)
    about = PeerCard(peer=peer, run=run, world="D16", links=20, samples=1, training_time="seconds")
    save_peer(place, fresh_peer(peer, run), about)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    for peer, run in (("pcgnn", 0), ("pcgnn", 1), ("unfolded_wmmse", 0)):
        keep(tmp_path / "peers", peer, run)  # type: ignore[arg-type]
    return tmp_path / "peers"


def test_every_run_is_a_method_that_answers_as_its_model(trained: Path) -> None:
    methods = of_folder(trained)
    assert list(methods) == ["PCGNN, run 0", "PCGNN, run 1", "unfolded WMMSE, run 0"]
    gain = to_gain(networks(WORLDS["ring"], 3))
    answers = [method(gain, GOALS["qos"]) for method in methods.values()]
    assert np.array_equal(answers[1], answer(fresh_peer("pcgnn", 1), gain))
    assert not np.allclose(answers[0], answers[1], atol=1e-3)
    assert not np.allclose(answers[0], answers[2], atol=1e-3)


def test_a_folder_without_peers_or_with_one_twice_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trained peers are there: `make worlds` trains them"):
        main(["--worlds", "ring", "--efforts", "--peers", str(tmp_path / "none")])
    keep(trained, "pcgnn", 1, "copy")
    with pytest.raises(InputError, match="is a second PCGNN, run 1: remove one"):
        of_folder(trained)


def test_runs_of_earlier_parameters_are_left_out_and_missing_ones_told(trained: Path) -> None:
    assert list(of_folder(trained, [0])) == ["PCGNN, run 0", "unfolded WMMSE, run 0"]
    with pytest.raises(InputError, match=r"--runs: .*unfolded_wmmse/1 holds no trained peer: `make worlds`"):
        of_folder(trained, [0, 1])
    with pytest.raises(InputError, match="--runs chooses among peers: say --peers FOLDER too"):
        main(["--worlds", "ring", "--runs", "0"])


def test_one_command_measures_peers_and_says_what_they_are_made_for(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, metrics, plot = (tmp_path / name for name in ("rows.json", "metrics.json", "picture.png"))
    words = ["--worlds", "ring", "--goals", "sum-rate", "qos", "--count", "4", "--efforts", "fast"]
    places = ["--peers", str(trained), "--out", str(out), "--metrics", str(metrics), "--plot", str(plot)]
    main([*words, *places])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("ring")]
    told = {
        (line[22:41].strip(), line[41:69].strip()) for line in lines if line.endswith("made for sum-rate")
    }
    assert told == {("qos", name) for name in ("PCGNN, run 0", "PCGNN, run 1", "unfolded WMMSE, run 0")}
    rows = json.loads(out.read_text())["rows"]
    assert {row["method"] for row in rows if row["trained_for"]} == {name for _, name in told}
    kept = json.loads(metrics.read_text())
    # What readers of the committed file rely on.
    assert kept["networks"] == 4
    known = {"world", "goal", "method", "mean", "ratio", "low", "high", "first_percentile", "cell_edge"}
    for row in kept["rows"]:
        assert set(row) - {"trained_for"} == known
        assert ("trained_for" in row) == row["method"].startswith(("PCGNN", "unfolded"))
        (whole,) = (each for each in rows if all(each[key] == row[key] for key in ("goal", "method")))
        assert row["ratio"] == pytest.approx(whole["ratio"], abs=1e-5)
    assert len(kept["rows"]) == 2 * 6  # one WMMSE run, fractional power control, the model, three peers
    assert plot.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_method_for_no_goal_in_particular_is_foreign_to_none() -> None:
    everyone: dict[str, Callable] = {"mine": lambda gain, goal: np.ones(gain.shape[:2])}
    (rows,) = measure([WORLDS["ring"]], ["qos"], 2, everyone, {"mine": "sum-rate"})
    foreign = [row for row in rows if row.foreign]
    assert [row.method for row in foreign] == ["mine"]
    assert report.line(foreign[0]).endswith("made for sum-rate")
    (rows,) = measure([WORLDS["ring"]], ["sum-rate"], 2, everyone, {"mine": "sum-rate"})
    assert not any(row.foreign for row in rows)


def test_the_committed_figures_have_the_format_of_before(root: Path) -> None:
    kept = json.loads((root / "metrics/worlds.json").read_text())
    assert {row["world"] for row in kept["rows"]} == set(WORLDS)
    assert {row["goal"] for row in kept["rows"]} == set(GOALS)
    methods = {row["method"] for row in kept["rows"]}
    assert {"WMMSE, 1 start", "fractional power control"} < methods
    assert not methods & set(report.UNCOMMITTED)
