"""`gfm-ra allocate` answers files of edges, and refuses options that mean nothing for them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gfm_ra
from gfm_ra.cli.main import run
from gfm_ra.files.edges import write_edges

RECEIVER, TRANSMITTER, GAIN = (
    np.array([0, 1, 2, 0, 2]),
    np.array([0, 1, 2, 2, 1]),
    np.array([5.0, 6, 7, 1, 0.5]),
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "city.parquet"
    pq.write_table(pa.table({"receiver": RECEIVER, "transmitter": TRANSMITTER, "gain": GAIN}), path)
    return path


def code(words):
    with pytest.raises(SystemExit) as left:
        run(words)
    return left.value.code


def network(**far):
    return gfm_ra.Network.from_edges(3, RECEIVER, TRANSMITTER, GAIN, **far)


def test_powers_are_those_of_the_library(table, tmp_path, capsys) -> None:
    expected = gfm_ra.load().allocate(network(), goal="qos").power
    out = tmp_path / "powers.npz"
    assert code(["allocate", str(table), str(out), "--goal", "qos"]) == 0
    np.testing.assert_array_equal(np.load(out)["power"], expected)
    assert "3 links, 5 gains listed" in capsys.readouterr().err
    assert code(["allocate", str(table), "--goal", "qos"]) == 0
    np.testing.assert_allclose(np.array(capsys.readouterr().out.split(), float), expected, rtol=1e-6)


def test_json_and_the_far_field_of_npz(tmp_path, capsys) -> None:
    path = tmp_path / "city.npz"
    write_edges(path, network(cell=[0, 0, 1], far_gain=np.ones((3, 2))))
    assert code(["allocate", str(path), "--json", "--effort", "fast", "--certify"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["power"]) == len(found["rate"]) == 3
    assert found["notes"][0].startswith("far field")
    assert found["gap"] >= 0


@pytest.mark.parametrize("links", [3, 70])
def test_gains_that_look_wrong_are_said_and_refused_if_strict(tmp_path, capsys, links) -> None:
    path, numbers = tmp_path / "city.npz", np.arange(links)
    write_edges(path, gfm_ra.Network.from_edges(links, numbers, numbers, np.full(links, 1e-9)))
    assert code(["allocate", str(path), "--effort", "fast"]) == 0
    assert "no own gain is above -30 dB" in capsys.readouterr().err
    out = tmp_path / "powers.npz"
    assert code(["allocate", str(path), str(out), "--strict"]) == 2
    assert "no own gain is above -30 dB" in capsys.readouterr().err.splitlines()[-1]
    assert not out.exists()


def test_gains_that_look_right_are_answered_if_strict(table, capsys) -> None:
    assert code(["allocate", str(table), "--strict", "--effort", "fast"]) == 0
    assert len(capsys.readouterr().out.split()) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--db"], "--db is of matrices"),
        (["--orientation", "rows-are-transmitters"], "--orientation is of matrices"),
        (["--explain"], "--explain is of matrices"),
        (["--format", "json"], "one per line"),
        (["--ray", "--certify"], "--certify is answered in one process"),
        (["--ray", "--model", "models:/gfm-ra-prompted@champion"], "in a folder that every node sees"),
        (["--tile-links", "100"], "--tile-links is of --ray"),
        (["--ray", "--tile-links", "0"], "out of range: at least 1"),
    ],
)
def test_options_of_matrices_are_refused(table, options, said, capsys) -> None:
    assert code(["allocate", str(table), *options]) == 2
    assert said in capsys.readouterr().err


def test_tiles_are_of_edges_alone(tmp_path, capsys) -> None:
    np.save(tmp_path / "gains.npy", np.eye(3))
    assert code(["allocate", str(tmp_path / "gains.npy"), "--ray"]) == 2
    assert "--ray is of files of edges" in capsys.readouterr().err
