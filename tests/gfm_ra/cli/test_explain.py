"""`gfm-ra explain` and `gfm-ra allocate --explain`: one text, the library's; bad input is one line and exit code 2."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from gfm_ra.cli.explain import MOST_NETWORKS
from gfm_ra.cli.main import run
from gfm_ra.explain.explanation import explain
from gfm_ra.files.writers import write_array
from gfm_ra.goals import ProportionalFair, QoS, SumRate

LINKS = 4


def ask(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(words)
    return int(ended.value.code or 0)


@pytest.fixture
def gains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Three networks: in dB in many.npz, the second one alone in one.npz."""
    monkeypatch.chdir(tmp_path)
    gain_db = np.random.default_rng(0).normal(5.0, 10.0, (3, LINKS, LINKS)) + 25.0 * np.eye(LINKS)
    np.savez("many.npz", gain_db=gain_db)
    np.savez("one.npz", gain_db=gain_db[1])
    return gain_db


def test_every_way_gives_the_same_text(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    answer = gfm_ra.load().allocate(gain_db=gains[1], goal="qos", min_rate=1.0)
    text = str(answer.explain())
    assert ask("explain", "one.npz", "--goal", "qos", "--min-rate", "1") == 0
    said = capsys.readouterr()
    assert said.out == f"{text}\n"
    assert "1 network of 4 links, in dB" in said.err.splitlines()[0]
    assert ask("allocate", "one.npz", "--goal", "qos", "--min-rate", "1", "--explain") == 0
    said = capsys.readouterr()
    np.testing.assert_allclose(np.loadtxt(io.StringIO(said.out), delimiter=","), answer.power, rtol=1e-6)
    before, found = said.err.split(text.splitlines()[0])
    assert "powers of 4 links in 1 network" in before.splitlines()[-1]
    assert text.splitlines()[0] + found == f"{text}\n"


def test_one_link_is_told_more_of(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    found = gfm_ra.load().allocate(gain_db=gains[1]).explain(2)
    assert ask("explain", "one.npz", "--link", "2") == 0
    assert str(found) in capsys.readouterr().out


def test_json_holds_what_the_library_says(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    expected = gfm_ra.load().allocate(gain_db=gains, goal="proportional-fair")
    texts = [json.loads(json.dumps(expected.explain(index=index).as_json())) for index in range(3)]
    assert ask("explain", "many.npz", "--goal", "proportional-fair", "--network", "2", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found.pop("network"), found.pop("source"), found.pop("notes")) == (2, expected.source[2], [])
    assert found == texts[2]
    assert ask("allocate", "many.npz", "--goal", "proportional-fair", "--explain", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["explanation"] == texts
    np.testing.assert_allclose(found["power"], expected.power)
    assert ask("allocate", "one.npz", "--goal", "proportional-fair", "--explain", "--json") == 0
    single = json.loads(capsys.readouterr().out)["explanation"]
    assert single["links"] == texts[1]["links"]


def test_several_networks_are_told_one_after_the_other(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("allocate", "many.npz", "p.npy", "--explain") == 0
    said = capsys.readouterr().err
    answer = gfm_ra.load().allocate(gain_db=gains)
    for number in range(3):
        assert f"network {number}: {answer.explain(index=number)}\n" in said


def test_a_network_of_many_gets_the_answer_that_allocate_gives(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, parts = [], gfm_ra.Allocator.parts

    def noted(self, networks, goal, effort, remarks, seed=0, first_index=0, threads=None, certify=False):
        asked.append((effort, seed, first_index))
        return parts(self, networks, goal, effort, remarks, seed, first_index, threads, certify)

    monkeypatch.setattr(gfm_ra.Allocator, "parts", noted)
    words = ("--effort", "best", "--seed", "3")
    assert ask("allocate", "many.npz", "--json", *words) == 0
    power = json.loads(capsys.readouterr().out)["power"][2]
    assert ask("explain", "many.npz", "--network", "2", "--json", *words) == 0
    assert [link["power"] for link in json.loads(capsys.readouterr().out)["links"]] == pytest.approx(power)
    assert asked == [("best", 3, 0), ("best", 3, 2)]  # random starts are keyed by the number


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".npy", ".npz", ".json", ".parquet", ".mat", ".h5"])
def test_given_powers_are_explained(gains: np.ndarray, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    power = np.array([[0.25, 1.0, 0.0, 0.5], [1.0, 0.0, 0.75, 1.0], [0.5, 0.5, 1.0, 0.125]])
    write_array(Path(f"powers{kind}"), power, "power")
    write_array(Path(f"power{kind}"), power[1], "power")
    for number in range(3):
        words = (
            "many.npz",
            "--network",
            str(number),
            "--powers",
            f"powers{kind}",
            "--goal",
            "proportional-fair",
        )
        assert ask("explain", *words) == 0
        expected = explain(10.0 ** (gains[number] / 10.0), power[number], ProportionalFair())
        assert capsys.readouterr().out == f"{expected}\n"
    assert ask("explain", "one.npz", "--powers", f"power{kind}", "--goal", "qos") == 0
    assert capsys.readouterr().out == f"{explain(10.0 ** (gains[1] / 10.0), power[1], QoS())}\n"


def test_what_allocate_writes_can_be_explained(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("explain", "one.npz", "--json") == 0
    own = json.loads(capsys.readouterr().out)["links"]
    assert ask("allocate", "one.npz", "p.csv") == 0
    capsys.readouterr()
    assert ask("explain", "one.npz", "--powers", "p.csv", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["source"] == "p.csv"
    np.testing.assert_allclose(
        [link["harm"] for link in found["links"]], [link["harm"] for link in own], rtol=1e-4
    )


def test_gains_may_come_from_stdin(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(",".join(f"{cell:.6f}" for cell in row) for row in gains[1])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert ask("explain", "-", "--format", "csv", "--db") == 0
    said = capsys.readouterr()
    assert said.out.startswith("sum-rate ")
    assert said.err.startswith("gfm-ra: stdin: 1 network of 4 links")


def test_the_other_orientation_and_weights_count(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("turned.npz", gain_db=gains[1].T)
    Path("w.csv").write_text("1,2,0.5,3\n")
    answer = gfm_ra.load().allocate(gain_db=gains[1], weights=[1.0, 2.0, 0.5, 3.0])
    words = ("--orientation", "rows-are-transmitters", "--weights", "w.csv")
    assert ask("explain", "turned.npz", *words) == 0
    found = capsys.readouterr().out
    assert found == f"{answer.explain()}\n"
    assert found.startswith("weighted sum-rate ")


def test_a_picture_is_written(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("explain", "one.npz", "--plot", "why.png", "--link", "1") == 0
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")
    assert (
        capsys.readouterr().err.splitlines()[-1]
        == "gfm-ra: why.png: powers, own gain and harm, who hurts whom"
    )


def test_without_matplotlib_one_line_says_what_to_install(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert ask("explain", "one.npz", "--plot", "why.png") == 1
    assert capsys.readouterr().err == "gfm-ra: why.png needs matplotlib: pip install 'gfm-ra[plots]'\n"
    assert ask("explain", "one.npz") == 0


def test_unknown_gains_are_refused_before_any_work(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    gains[1, 0, 2] = np.nan
    np.savez("hidden.npz", gain_db=gains)
    assert ask("explain", "hidden.npz", "--network", "1") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "the gain of receiver 0 from transmitter 2 is unknown" in line
    assert ask("explain", "hidden.npz", "--network", "2") == 0
    capsys.readouterr()
    assert ask("allocate", "hidden.npz", "p.npy", "--explain") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "hidden.npz has 1 unknown gains" in line
    assert not Path("p.npy").exists()


def test_too_many_networks_are_refused_before_any_work(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("crowd.npz", gain_db=np.repeat(gains[:1], MOST_NETWORKS + 1, axis=0))
    assert ask("allocate", "crowd.npz", "--explain") == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert f"at most {MOST_NETWORKS} are explained" in line
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "FILE"), (("nothing.npy",), "nothing.npy is missing"),
     (("many.npz",), "many.npz holds 3 networks: say which one, --network 0 for the first"),
     (("many.npz", "--network", "3"), "--network 3: many.npz holds 3 networks, numbered from 0"),
     (("many.npz", "--network", "-1"), "--network -1: many.npz holds 3 networks"),
     (("one.npz", "--link", "4"), "there is no link 4: links are numbered from 0 to 3"),
     (("one.npz", "--link", "two"), "invalid int value"),
     (("one.npz", "--powers", "none.csv"), "none.csv is missing"),
     (("one.npz", "--powers", "three.csv"), "three.csv must hold 4 numbers, one power per link"),
     (("one.npz", "--powers", "loud.csv"), "loud.csv holds 1.5: powers are parts of full power, from 0 to 1"),
     (("many.npz", "--network", "0", "--powers", "good.csv"), "good.csv must hold 3 rows of 4 powers"),
     (("one.npz", "--powers", "good.csv", "--effort", "fast"), "--effort and --powers contradict each other"),
     (("one.npz", "--powers", "good.csv", "--seed", "0"), "--seed and --powers contradict each other"),
     (("one.npz", "--powers", "good.csv", "--model", "any-world"), "--model and --powers contradict"),
     (("one.npz", "--plot", "why.jpg"), "why.jpg must end in .png, .pdf, .svg"),
     (("one.npz", "--plot", "no/why.png"), "no is no folder"),
     (("one.npz", "--format", "csv"), "--format is of stdin"), (("-",), "- needs --format"),
     (("one.npz", "--db", "--unit", "linear"), "say one of them"), (("one.npz", "--alpha", "1"), "alpha belongs"),
     (("one.npz", "--goal", "speed"), "'speed' is unknown"), (("one.npz", "--seed", "-1"), "seed must be")],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    Path("three.csv").write_text("1,1,0.5\n")
    Path("loud.csv").write_text("1,1.5,1,1\n")
    Path("good.csv").write_text("1,0.5,1,1\n")
    assert ask("explain", *words) == 2
    found = capsys.readouterr()
    (line,) = found.err.splitlines()
    assert found.out == ""
    assert line.startswith("gfm-ra: ")
    assert said in line


def test_a_picture_is_never_written_over_an_input(
    gains: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    write_array(Path("p.csv"), np.ones(LINKS), "power")
    Path("why.png").symlink_to("p.csv")
    before = Path("p.csv").read_bytes()
    assert ask("explain", "one.npz", "--powers", "p.csv", "--plot", "why.png") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is the same file as p.csv" in line
    assert Path("p.csv").read_bytes() == before


def test_strict_refuses_what_looks_wrong(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("path.npz", gain=10.0 ** ((gains[1] - 130.0) / 10.0))
    assert ask("explain", "path.npz", "--strict") == 2
    assert "no own gain is above" in capsys.readouterr().err
    assert ask("explain", "path.npz", "--json") == 0
    assert "no own gain is above" in json.loads(capsys.readouterr().out)["notes"][0]


def test_sum_rate_is_the_goal_unless_given(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    write_array(Path("p.csv"), np.ones(LINKS), "power")
    assert ask("explain", "one.npz", "--powers", "p.csv") == 0
    expected = explain(10.0 ** (gains[1] / 10.0), np.ones(LINKS), SumRate())
    assert capsys.readouterr().out == f"{expected}\n"


def test_energy_efficiency_is_explained(gains: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    answer = gfm_ra.load().allocate(gain_db=gains[1], goal="energy-efficiency", circuit_power=0.2)
    assert ask("explain", "one.npz", "--goal", "energy-efficiency", "--circuit-power", "0.2") == 0
    said = capsys.readouterr().out
    assert said == f"{answer.explain()}\n"
    assert answer.explain().utility == pytest.approx(answer.utility)
    assert "cost: utility per full power that the power itself costs" in said
    assert ask("explain", "one.npz", "--goal", "energy-efficiency") == 2
    assert "needs circuit_power" in capsys.readouterr().err
