"""Both readings of WMMSE-Best for every path loss, in one table."""

import numpy as np
import pytest

from benchmarks.worlds import calibration


def test_runs_chosen_by_their_qos_utility_are_no_worse_in_it() -> None:
    found = calibration.utilities("D16", "itu1411", 2)
    assert (found["sum-rate-chosen-by-qos"] >= found["best-sum-rate"] - 1e-3).all()
    assert np.mean(found["best-qos"] - found["best-sum-rate"]) > 0


def test_every_path_loss_and_scenario_has_a_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "STARTS", 2)
    calibration.main(["--rows", "2"])
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == [*calibration.NAMES] * 2
    assert {row.split(" | ")[0] for row in rows} == {"| dual-slope", "| itu1411"}
