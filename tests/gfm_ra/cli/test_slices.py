"""`gfm-ra allocate --slice`: the words, the table, the JSON and what is refused."""

import json

import numpy as np
import pytest

import gfm_ra
from gfm_ra import Slice
from gfm_ra.cli.main import run
from gfm_ra.cli.slices import read

SLICES = ["--slice", "urllc:0-1:least_rate=1", "--slice", "video:2,3:share=0.2:priority=2"]


def code(words) -> int:
    with pytest.raises(SystemExit) as left:
        run(words)
    return left.value.code


@pytest.fixture
def gains(tmp_path):
    gain_db = np.random.default_rng(0).uniform(-20.0, 20.0, (3, 5, 5))
    gain_db[:, range(5), range(5)] += 30.0
    np.savez(tmp_path / "gains.npz", gain_db=gain_db)
    return tmp_path / "gains.npz", gain_db


def test_words_of_a_slice() -> None:
    assert read("urllc:0-3:least_rate=1", 5) == Slice.urllc(range(4), least_rate=1)
    assert read("embb:4", 5) == Slice.embb([4])
    assert read("miot:2,0-1:least_rate=.1:priority=1", 5) == Slice.miot([0, 1, 2], least_rate=0.1, priority=1)
    assert read("b:0:share=0.2:goal=proportional-fair", 5) == Slice(
        "b", (0,), share=0.2, goal="proportional-fair"
    )


def test_powers_table_and_json_are_those_of_the_library(gains, tmp_path, capsys) -> None:
    path, gain_db = gains
    slices = [Slice.urllc([0, 1], least_rate=1), Slice("video", [2, 3], share=0.2, priority=2)]
    expected = gfm_ra.load().allocate(gain_db=gain_db, slices=slices, goal="proportional-fair")
    out = tmp_path / "powers.npz"
    assert code(["allocate", str(path), str(out), *SLICES, "--goal", "proportional-fair"]) == 0
    np.testing.assert_array_equal(np.load(out)["power"], expected.power)
    told = capsys.readouterr().err
    assert "slice  links" in told
    assert "adequate 3" in told
    assert code(["allocate", str(path), "--json", *SLICES, "--goal", "proportional-fair"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["slices"]] == ["urllc", "video"]
    np.testing.assert_allclose(found["slices"][1]["rate"], expected.slices[1].rate)
    assert found["slices"][0]["status"] == ["adequate"] * 3


def test_a_single_network_has_plain_values(tmp_path, capsys) -> None:
    path = tmp_path / "one.csv"
    np.savetxt(path, np.diag([1000.0, 0.1, 1000.0]), delimiter=",")
    assert code(["allocate", str(path), "--json", "--slice", "urllc:0-1:least_rate=1"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["slices"][0]["status"], found["slices"][0]["links_below"]) == ("insufficient", 1)
    assert "slice urllc is insufficient: 1 of 2 links below the least rate of 1 bit/s/Hz" in captured.err
    assert found["notes"][-1] in captured.err
    assert code(["allocate", str(path), "--json"]) == 0
    assert "slices" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("urllc", "--slice urllc: say NAME:LINKS"),
        (":0:share=0.1", "say NAME:LINKS"),
        ("urllc:0", "urllc needs a least rate, as in urllc:0:least_rate=1"),
        ("miot:0:least_rate=1:share=0.1", "miot is asked by least_rate alone"),
        ("embb:0:goal=sum-rate", "embb has its own goal"),
        ("a:0-9", "there is no link 9: links are 0 to 4"),
        ("a:0-99999999999", "there is no link 99999999999"),
        ("a:3-1", "'3-1' is no link and no range"),
        ("a:x", "'x' is no link and no range"),
        ("a:0:rate=1", "'rate=1' is not KEY=VALUE with a key of least_rate, share, priority, goal"),
        ("a:0:share=most", "share must be a number, got 'most'"),
        ("a:0:share=.1:share=.2", "share is said twice"),
        ("a:0:share=2", "share must lie between 0 and 1"),
        ("a:0:least_rate=nan", "least_rate must be finite"),
        ("a:0 --slice b:0", "link 0 is in 'a' and in 'b'"),
        ("a:0-4 --goal qos", "--goal is of links in no slice"),
        ("a:0 --certify", "--certify and --slice"),
    ],
)
def test_words_that_say_no_slice_are_refused(gains, capsys, words, said) -> None:
    assert code(["allocate", str(gains[0]), "--slice", *words.split()]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("gfm-ra: ") == 1


def test_unknown_gains_and_edges_are_refused(tmp_path, capsys) -> None:
    path = tmp_path / "unknown.json"
    path.write_text(json.dumps({"gain_db": [[10.0, None], [3.0, 10.0]]}))
    assert code(["allocate", str(path), "--slice", "a:0"]) == 2
    assert "--slice needs known gains, but 1 are unknown" in capsys.readouterr().err
