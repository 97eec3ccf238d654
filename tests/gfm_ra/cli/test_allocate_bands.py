"""`gfm-ra allocate` answers files with bands, limits and budgets; what does not fit is one line."""

import json

import numpy as np
import pytest

import gfm_ra
from gfm_ra.cli.main import run

GAIN = 50 * np.random.default_rng(1).exponential(size=(2, 3, 4, 4)) * (1 + 9 * np.eye(4))
GROUPS = np.array([0, 0, 1, 1])


def code(words):
    with pytest.raises(SystemExit) as left:
        run([str(word) for word in words])
    return left.value.code


@pytest.fixture
def file(tmp_path):
    def written(**arrays):
        path = tmp_path / "bands.npz"
        np.savez(path, **arrays)
        return path

    return written


def test_powers_are_those_of_the_library(file, tmp_path, capsys):
    path, out = file(gain=GAIN, bands=1, groups=GROUPS, exclusive=GROUPS), tmp_path / "powers.npy"
    network = gfm_ra.Network(GAIN, bands=True, groups=GROUPS, exclusive=GROUPS)
    expected = gfm_ra.load().allocate(network, goal="qos", effort="fast")
    assert code(["allocate", path, out, "--goal", "qos", "--effort", "fast"]) == 0
    np.testing.assert_array_equal(np.load(out), expected.power)
    assert code(["allocate", path, "--goal", "qos", "--effort", "fast", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    np.testing.assert_allclose(found["power"], expected.power)
    np.testing.assert_allclose(found["rate_per_band"], expected.rate_per_band)
    assert np.array(found["rate"]).shape == (2, 4)


def test_bands_may_be_true(file, capsys):
    assert code(["allocate", file(gain=GAIN[0], bands=True), "--effort", "fast"]) == 0
    assert len(capsys.readouterr().out.split()) == 3


def test_rules_hold_over_bands_and_say_their_price(file, tmp_path, capsys):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"floor": [0.2] * 4}))
    path = file(gain=GAIN[0], bands=1, groups=GROUPS)
    assert code(["allocate", path, "--rules", rules, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (np.sum(found["power"], axis=0) >= 0.2 * (1 - 1e-6)).all()
    assert found["price"] is not None
    assert code(["allocate", path, "--slice", "urllc:0:least_rate=1"]) == 2
    assert "--slice" in capsys.readouterr().err


def test_a_single_network_has_a_table_and_a_row_per_band(file, capsys):
    assert code(["allocate", file(gain=GAIN[0], bands=1), "--effort", "fast"]) == 0
    out, err = capsys.readouterr()
    assert np.array([line.split(",") for line in out.split()], float).shape == (3, 4)
    assert err.split("\n")[1].split() == ["link", "rate", "power", "band", "0", "band", "1", "band", "2"]


def test_limits_of_a_single_band_are_heeded(file, capsys):
    assert code(["allocate", file(gain=GAIN[0, 0], limit=0.5)]) == 0
    power = np.array(capsys.readouterr().out.strip().split(","), float)
    assert power.shape == (4,)
    assert power.max() <= 0.5


def test_a_proven_gap_is_said(file, capsys):
    assert code(["allocate", file(gain=GAIN[0, 0], limit=0.5), "--certify"]) == 0
    err = capsys.readouterr().err
    assert "below an upper bound of the optimum" in err.strip().split("\n")[-1]


def test_no_mean_of_unknown_rates_is_said(file, capsys):
    gain = GAIN.copy()
    gain[:, :, 0, 1] = np.nan
    assert code(["allocate", file(gain=gain, bands=1)]) == 0
    assert "mean sum rate" not in capsys.readouterr().err
    gain[0] = GAIN[0]
    assert code(["allocate", file(gain=gain, bands=1)]) == 0
    assert "mean sum rate nan" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arrays", "options", "said"),
    [
        ({"bands": 1, "phase": 3}, [], "'phase', which is not heeded"),
        ({"bands": 2}, [], "bands must be 1"),
        ({"bands": 1.0}, [], "bands must be whole numbers"),
        ({"bands": 1, "groups": [0, 0, 1]}, [], "groups must be a number per link"),
        ({"bands": 1, "limit": 2.0}, [], "a part of full power"),
        ({"band_limit": 0.5}, [], "band_limit needs bands"),
        ({"bands": 1}, ["--explain"], "explains neither bands"),
        ({"bands": 1}, ["--certify"], "nothing is proven"),
        ({"bands": 1}, ["--db"], "leave out --unit and --db"),
        (
            {"bands": 1},
            ["--goal", "energy-efficiency", "--circuit-power", "1"],
            "bands, limits and budgets are",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(file, capsys, arrays, options, said):
    assert code(["allocate", file(gain=GAIN[0], **arrays), *options]) == 2
    err = capsys.readouterr().err.strip().split("\n")
    assert said in err[-1]
    assert "Traceback" not in err[-1]


def test_other_commands_refuse_such_files(file, capsys):
    assert code(["explain", file(gain=GAIN[0], bands=1)]) == 2
    assert "`gfm-ra allocate` alone heeds them" in capsys.readouterr().err
