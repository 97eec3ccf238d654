"""`gfm-ra allocate --certify`: how far from the optimum, on stderr and in the JSON."""

import json
import re

import numpy as np
import pytest

from gfm_ra.cli.main import run
from gfm_ra.exact import optimum

GAIN_DB = np.array([[38.5, 10.1, 7.5], [9.5, 33.1, 15.2], [-10.1, 14.4, 37.6]])


def ask(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        run(["allocate", *words])
    return int(ended.value.code or 0), *capsys.readouterr()


def test_the_gap_is_said(tmp_path, capsys):
    np.savetxt(tmp_path / "gains.csv", GAIN_DB, delimiter=",")
    code, out, err = ask(
        capsys, str(tmp_path / "gains.csv"), "--db", "--effort", "best", "--certify", "--json"
    )
    assert code == 0
    told = json.loads(out)
    proof = optimum(10 ** (GAIN_DB / 10))
    assert 0 <= told["gap"] <= 1e-3
    assert told["utility"] == pytest.approx(proof.lower, rel=1e-3)
    said = re.search(r"proven: ([\d.e-]+) below an upper bound of the optimum", err)
    assert said is not None
    assert float(said[1]) == pytest.approx(told["gap"], rel=0.06)
    code, out, err = ask(capsys, str(tmp_path / "gains.csv"), "--db", "--json")
    assert "gap" not in json.loads(out)
    assert "proven" not in err


def test_unknown_gains_are_refused_before_any_work(tmp_path, capsys):
    hidden = GAIN_DB.copy()
    hidden[0, 1] = np.nan
    np.save(tmp_path / "gain_db.npy", hidden)
    code, out, err = ask(capsys, str(tmp_path / "gain_db.npy"), "--db", "--certify")
    assert (code, out) == (2, "")
    assert err == "gfm-ra: allocate: 1 gains are unknown: nothing can be proven, leave certify out\n"
