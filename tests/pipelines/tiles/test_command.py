"""`gfm-ra allocate --ray` answers files of edges by tiles."""

import numpy as np
import pytest

import gfm_ra
from gfm_ra.cli.main import run
from gfm_ra.files.edges import write_edges
from tests.pipelines.tiles.networks import city


def code(words):
    with pytest.raises(SystemExit) as left:
        run(words)
    return left.value.code


def test_a_file_of_one_tile_has_the_powers_of_one_process(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    drawn, network = city(200)
    path, out = tmp_path / "city.npz", tmp_path / "powers.npy"
    write_edges(path, network, drawn.transmitters)
    assert code(["allocate", str(path), str(out), "--ray", "--goal", "qos"]) == 0
    np.testing.assert_array_equal(np.load(out), gfm_ra.load().allocate(network, goal="qos").power)
    said = capsys.readouterr().err
    assert "round 0: utility" in said
    assert "1 tile of at most 200 links" in said
