"""The uplink: what terminals send limits what cells can hear of them, and counts nowhere else."""

from pathlib import Path

import numpy as np
import pytest

from gfm_ra.errors import InputError
from gfm_ra.measurements.checks import Conditions
from gfm_ra.measurements.measured import network_of
from gfm_ra.measurements.reading import read_measurements
from tests.gfm_ra.measurements.cases import CARRIER, cells, report

FULL_DBM = 23.0
FULL_EPRE_DBM = CARRIER.per_element_dbm(FULL_DBM)  # -4.87
UPLINK = Conditions(uplink=True)
CELLS = """cell,technology,bandwidth_mhz,subcarrier_spacing_khz,transmit_power_dbm
A,nr,20,30,43
"""
SRS = "terminal,serving,cell,rsrp_dbm,{}\nu,A,A,-110,{}\n"


def _read(folder: Path, text: str, **more):
    (folder / "srs.csv").write_text(text)
    (folder / "cells.csv").write_text(CELLS)
    return read_measurements(folder / "srs.csv", folder / "cells.csv", **more)


@pytest.mark.parametrize(
    ("columns", "values"),
    [("transmit_power_dbm,srs_epre_dbm", "23,-4.9"), ("transmit_power_dbm", "23"), ("srs_epre_dbm", "-4.9")],
)
def test_powers_of_terminals_are_refused_in_the_downlink(tmp_path, columns, values):
    text = SRS.format(columns, values)
    with pytest.raises(InputError, match=rf"line 2: {columns.replace(',', ' and ')} .*--uplink"):
        _read(tmp_path, text)
    (found,) = _read(tmp_path, text, uplink=True).reports
    assert [found.transmit_power_dbm, found.epre_dbm].count(None) == 1 - columns.count(",")


def test_empty_columns_of_the_uplink_are_no_powers(tmp_path):
    (found,) = _read(tmp_path, SRS.format("transmit_power_dbm", "")).reports
    assert found.transmit_power_dbm is None


@pytest.mark.parametrize("sent", [{"transmit_power_dbm": FULL_DBM}, {"epre_dbm": FULL_EPRE_DBM}])
def test_reports_of_the_uplink_are_left_out_of_the_downlink(sent):
    reports = [report("t", "a", {"a": -80.5}, **sent), report("u", "b", {"b": -80.5})]
    found = network_of(reports, cells("a", "b"))
    assert [one.name for one in found.cells] == ["b"]
    assert any("terminal t" in line and "uplink" in line for line in found.left_out)


def test_levels_above_full_power_per_element_are_left_out():
    reports = [
        report("t", "a", {"a": -90.5, "b": 5.0}, transmit_power_dbm=FULL_DBM),
        report("u", "b", {"b": -90.5, "a": FULL_EPRE_DBM - 1.0}, transmit_power_dbm=FULL_DBM),
    ]
    found = network_of(reports, cells("a", "b"), UPLINK)
    assert np.isnan(found.network.gain_db[1, 0])
    assert np.isfinite(found.network.gain_db[0, 1])  # a level below is used
    assert any("terminal t, cell b" in line and "more than the -4.9 dBm" in line for line in found.left_out)


def test_levels_above_a_stated_power_per_element_are_left_out():
    reports = [report("t", "a", {"a": -90.5, "b": -10.0}, transmit_power_dbm=FULL_DBM, epre_dbm=-20.0)]
    found = network_of(reports, cells("a", "b"), UPLINK)
    assert any("more than the -20.0 dBm" in line for line in found.left_out)
