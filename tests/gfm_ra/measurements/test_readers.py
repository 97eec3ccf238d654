"""The formats of reports: what is read from them, and the one line where they cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest

from gfm_ra.errors import InputError
from gfm_ra.measurements.cells import read_cells
from gfm_ra.measurements.measured import network_of
from gfm_ra.measurements.reading import read_measurements

CELLS = """cell,technology,bandwidth_mhz,subcarrier_spacing_khz,transmit_power_dbm,epre_dbm,power_dbm
A,nr,20,30,43,15,40
B,nr,20,30,43,15,43
"""
POINTS = """bssid,transmit_power_dbm,power_dbm,channel,bandwidth_mhz
p,20,14,36,80
q,20,20,44,80
r,20,20,149,80
"""
REQUEST = {
    "predictionUE": "u",
    "ueMeasurements": {"servingCellId": "A", "uePrbUsageDL": 3},
    "cellMeasurements": [
        {"cellId": "A", "measTimestampRf": 100, "rfMeasurements": {"rsrp": -81, "rsrq": -10, "rsSinr": 12}},
        {"cellId": "B", "measTimestampRf": 100, "rfMeasurements": {"rsrp": -95, "rsrq": -15, "rsSinr": 1}},
    ],
}
KPIMON = {
    "UEID": "u",
    "ServingCellID": "A",
    "MeasTimestampRF": {"tv_sec": 100, "tv_nsec": 5},
    "ServingCellRF": {"rsrp": -81, "rsrq": -10, "rssinr": 12},
    "NeighborCellRF": [{"CID": "B", "CellRF": {"rsrp": -95, "rsrq": -15, "rssinr": 1}}],
}
ROW = {
    "ue-id": "u", "nrCellIdentity": "A", "measTimeStampRf": "1970-01-01 00:01:40", "RF.serving.RSRP": -81,
    "nbCellIdentity_0": "B", "rsrp_nb0": -95, "nbCellIdentity_1": None, "rsrp_nb1": None, "x": 3.0, "y": 4.0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cells.csv").write_text(CELLS)
    Path("points.csv").write_text(POINTS)
    Path("one_channel.csv").write_text(POINTS.replace(",149,", ",36,"))


def _read(name: str, text: str, cells: str = "cells.csv", **more):
    Path(name).write_text(text)
    return read_measurements(Path(name), Path(cells), **more)


@pytest.mark.parametrize("shape", [REQUEST, KPIMON, ROW])
def test_the_three_shapes_of_json_say_the_same(shape):
    for text in (json.dumps(shape), json.dumps([shape]), json.dumps(shape) + "\n"):
        (report,) = _read("r.json", text).reports
        assert (report.terminal, report.serving, report.time_s) == ("u", "A", 100.0)
        assert [(name, level.dbm, level.step_db) for name, level in report.levels] == [
            ("A", -80.5, 1),
            ("B", -94.5, 1),
        ]


def test_json_lines_are_reports():
    second = KPIMON | {"UEID": "v", "ServingCellID": "B", "NeighborCellRF": None}
    found = _read("r.json", f"{json.dumps(ROW)}\n{json.dumps(second)}\n")
    assert [one.terminal for one in found.reports] == ["u", "v"]
    assert (found.reports[0].x_m, found.reports[0].y_m) == (3.0, 4.0)


def test_a_cell_without_rsrp_is_left_out_by_name():
    bare = {"cellId": "B", "rfMeasurements": {"rsrq": -10}}
    found = _read(
        "r.json", json.dumps(REQUEST | {"cellMeasurements": [REQUEST["cellMeasurements"][0], bare]})
    )
    measured = network_of(found.reports, found.cells)
    assert any("cell B" in line and "nan" in line for line in measured.left_out)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"), ("[]", "no report"), ("3", "docs/measurements.md"), ("{}", "docs/measurements.md"),
        (json.dumps(ROW | {"RF.serving.RSRP": "loud"}), "RSRP is 'loud'"),
        (json.dumps(ROW | {"ue-id": None}), "ue-id"),
        (json.dumps(ROW | {"measTimeStampRf": "noon"}), "noon"),
        (json.dumps(ROW | {"x": "here"}), "position"),
        (json.dumps(ROW | {"RF.serving.RSRP": 10**400}), "number in dBm"), ("[" * 100_000, "nested"),
        (json.dumps(ROW | {"x": 10**400}), "position"), (json.dumps(ROW | {"measTimeStampRf": 10**400}), "seconds"),
        ('{"RF.serving.RSRP": ' + "1" * 5000 + "}", "no JSON"),
        (json.dumps(REQUEST | {"ueMeasurements": 3}), "ueMeasurements"),
        (json.dumps(KPIMON | {"NeighborCellRF": [{}]}), "CID"),
        (json.dumps(KPIMON | {"NeighborCellRF": 5}), "NeighborCellRF must be a list"),
        (json.dumps(KPIMON | {"NeighborCellRF": {}}), "NeighborCellRF must be a list"),
    ],
)  # fmt: skip
def test_json_that_cannot_be_used_is_refused(text, said):
    with pytest.raises(InputError, match=said):
        _read("r.json", text)


def test_levels_and_report_values_say_the_same():
    header = "terminal;serving;cell;{};time;samples\n"
    dbm = _read("r.csv", header.format("rsrp_dbm") + "u;A;A;-81;100;4\nu;A;B;-95;100;\n").reports
    values = _read("r.csv", header.format("rsrp") + "u;A;A;76;100;4\nu;A;B;62;100;\n").reports
    assert dbm == values
    assert dbm[0].levels[0][1].samples == 4


def test_the_first_report_value_is_a_limit():
    (report,) = _read("r.csv", "terminal,serving,cell,rsrp\nu,A,A,76\nu,A,B,0\n").reports
    level = dict(report.levels)["B"]
    assert level.only_below
    assert level.dbm == -156


def test_lines_of_another_time_are_another_report():
    text = (
        "terminal,serving,cell,rsrp_dbm,time\nu,A,A,-81,100\nu,A,A,-83,2026-03-18T02:23:18Z\nu,A,B,-95,100\n"
    )
    found = _read("r.csv", text).reports
    assert [len(one.levels) for one in found] == [2, 1]
    assert found[1].time_s == 1773800598.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("terminal,serving,cell,rsrp_dbm\n", "no line"),
        ("terminal,serving,cell,rsrp_dbm\nu,A,A,loud\n", "line 2: rsrp_dbm is 'loud'"),
        ("terminal,serving,cell,rsrp_dbm\nu,A,,-80\n", "line 2: cell is empty"),
        ("terminal,serving,cell,rsrp_dbm,mood\nu,A,A,-80,x\n", "'mood' is not known"),
        ("terminal,serving,rsrp_dbm\nu,A,-80\n", "column cell is missing"),
        ("terminal,serving,cell,rsrp_dbm,cell\nu,A,A,-80,A\n", "there twice"),
        ("terminal,serving,cell,rsrp_dbm\nu,A,A,-80,7\n", "5 cells"),
        ("terminal,serving,cell,rsrp_dbm\nu,A,A,-80\nu,B,B,-81\n", "another serving"),
        ("terminal,serving,cell,rsrp\nu,A,A,200\n", "200"),
        ("terminal,serving,cell,rsrp\nu,A,A,-80\n", "rsrp_dbm"),
        ("terminal,serving,cell,rsrp_dbm,samples\nu,A,A,-80,0.5\n", "samples"),
        ("terminal,serving,cell\nu,A,A\n", "none of the columns"),
        ("terminal,serving,cell,rsrp,rsrp_dbm\nu,A,A,76,\nu,A,B,62,-95\n", "line 3: write either"),
        ("terminal,serving,cell,rsrp,rsrp_dbm\nu,A,A,,-81\nu,A,B,62,-95\n", "line 3: write either"),
        ("terminal,serving,cell,rsrp,rsrp_dbm\nu,A,A,76,\nu,A,B,,-95\n", "line 3: write either"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(text, said):
    with pytest.raises(InputError, match=said):
        _read("r.csv", text)


def test_counters_become_mean_and_spread():
    # Values 77 to 84 are [-80, -72) dBm, 85 to 92 [-72, -64): the mean is -72, each 4 away and 8 wide.
    text = "cell,neighbour,first,last,count\nA,,77,84,10\nA,,85,92,10\nA,B,57,57,4\nB,,70,70,1\n"
    found = _read("c.csv", text)
    own = dict(found.reports[0].levels)
    assert own["A"].dbm == -72.0
    assert own["A"].spread_db == pytest.approx(np.sqrt(16.0 + 64.0 / 12.0))
    assert own["B"].dbm == -99.5
    measured = network_of(found.reports, found.cells)
    assert np.isinf(measured.network.at_most_db).all()  # counters do not say what was weaker


def test_a_few_counts_in_the_open_bin_are_named_and_many_refused():
    text = "cell,neighbour,first,last,count\nA,,77,84,9\nA,,0,0,{}\n"
    found = _read("c.csv", text.format(1))
    assert found.reports[0].levels[0][1].dbm == -76.0
    assert any("10.0%" in note for note in found.notes)
    with pytest.raises(InputError, match="91% of the counts"):
        _read("c.csv", text.format(90))


@pytest.mark.parametrize(
    ("line", "said"),
    [("A,,9,3,1", "order"), ("A,,3,9,-1", "count"), ("A,,3,300,1", "300"), ("A,,3,9,1.5", "count")],
)
def test_counters_that_cannot_be_used_are_refused(line, said):
    with pytest.raises(InputError, match=said):
        _read("c.csv", f"cell,neighbour,first,last,count\n{line}\n")


SCAN = """receiver,bssid,level_dbm,connected
x,p,-50,p
x,q,-70,p
y,q,-55,q
q,p,-66,
z,r,-60,r
"""


def test_a_scan_refers_to_full_power_and_channels():
    # 80 MHz: noise -174 + 79.03 + 9 = -85.97 dBm. p sends 14 of 20 dBm: 6 dB more at full power.
    found = _read("s.csv", SCAN, "points.csv")
    network = network_of(found.reports, found.cells).network
    expected = [[-50 + 6 + 85.97, -70 + 85.97], [-66 + 6 + 85.97, -55 + 85.97]]
    np.testing.assert_allclose(network.gain_db[:2, :2], expected, atol=0.01)
    assert (network.gain_db[2, :2] == -np.inf).all()  # 36 and 44 share a block of 80 MHz, 149 does not
    assert (network.gain_db[:2, 2] == -np.inf).all()
    # Client y hears only q: what q hears of p stands in, with 8 dB more of uncertainty.
    np.testing.assert_allclose(network.uncertainty_db[1, 0], np.sqrt(4 + 1 / 12 + 64), rtol=1e-4)
    np.testing.assert_allclose(network.uncertainty_db[0, 1], np.sqrt(4 + 1 / 12), rtol=1e-4)


def test_stand_ins_are_no_limits_of_what_a_client_does_not_name():
    # Client x hears only p, and p hears q: what p does not hear may still be strong where x stands.
    text = "receiver,bssid,level_dbm,connected\nx,p,-50,p\np,q,-75,\ny,q,-55,q\nz,r,-60,r\n"
    found = _read("s.csv", text, "one_channel.csv")
    network = network_of(found.reports, found.cells).network
    assert np.isfinite(network.gain_db[0, 1])
    assert np.isnan(network.gain_db[0, 2])
    assert np.isinf(network.at_most_db[0, 2])


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (POINTS + "s,20,20,3,20\n", "another bandwidth"),
        (
            "bssid,transmit_power_dbm,power_dbm,channel,bandwidth_mhz\na,20,20,1,20\nb,20,20,3,20\n",
            "overlap in part",
        ),
        (
            "bssid,transmit_power_dbm,power_dbm,channel,bandwidth_mhz\na,20,21,1,20\n",
            "more than transmit_power_dbm",
        ),
        ("bssid,transmit_power_dbm,power_dbm,channel,bandwidth_mhz\na,20,20,1,40\n", "2.4 GHz"),
        ("bssid,transmit_power_dbm,power_dbm,channel,bandwidth_mhz\na,20,20,200,20\n", "channel is 200"),
        ("bssid,transmit_power_dbm,power_dbm,channel,bandwidth_mhz\na,20,20,36,30\n", "20, 40, 80 or 160"),
        (POINTS + "p,20,20,36,80\n", "there twice"),
    ],
)
def test_access_points_that_cannot_be_used_are_refused(points, said):
    Path("points.csv").write_text(points)
    with pytest.raises(InputError, match=said):
        _read("s.csv", SCAN, "points.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CELLS + "C,nr,40,30,43,15,43\n", "another carrier"), (CELLS + "A,nr,20,30,43,15,43\n", "there twice"),
        (CELLS + "C,nr,20,30,43,15,44\n", "more than transmit_power_dbm"),
        (CELLS + "C,nr,20,30,43,44,43\n", "15.1"), (CELLS + "C,nr,20,30,,15,43\n", "transmit_power_dbm is empty"),
        (CELLS.replace("bandwidth_mhz", "width"), "bandwidth_mhz is missing"), ("", "empty"),
        (CELLS + "C,nr,20,31,43,15,43\n", "15, 30, 60"), (CELLS + "C,nr,20,30,inf,15,43\n", "finite"),
        (CELLS.replace("power_dbm\n", "noise_figure_db\n") + "C,nr,20,30,43,15,1e200\n", "noise_figure_db is 1e"),
        (CELLS + "C,nr,20,30,5000,15,43\n", "line 4: transmit_power_dbm is 5000, more than any transmitter"),
    ],
)  # fmt: skip
def test_cells_that_cannot_be_used_are_refused(text, said):
    Path("cells.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_cells(Path("cells.csv"))


def test_missing_reference_powers_are_said():
    Path("cells.csv").write_text(CELLS.replace("43,15,43", "43,,43"))
    found = read_cells(Path("cells.csv"))
    assert found.by_name["B"].reference_dbm == pytest.approx(43 - 10 * np.log10(612))
    assert "no epre_dbm of B" in found.notes[0]


@pytest.mark.parametrize(("name", "text"), [("r.json", json.dumps(ROW)), ("s.csv", SCAN)])
def test_only_tables_of_terminals_have_an_uplink(name, text):
    with pytest.raises(InputError, match="uplink"):
        _read(name, text, "points.csv", uplink=True)


@pytest.mark.parametrize("text", [",,\n,,\n", '""\n', ";;\n"])
def test_tables_without_a_name_of_a_column_are_refused(text):
    with pytest.raises(InputError, match=r"r\.csv names no column"):
        _read("r.csv", text)
    Path("cells.csv").write_text(text)
    with pytest.raises(InputError, match=r"cells\.csv names no column"):
        read_cells(Path("cells.csv"))


def test_files_that_are_no_text_are_refused():
    Path("r.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_measurements(Path("r.csv"), Path("cells.csv"))
    with pytest.raises(InputError, match="missing"):
        read_measurements(Path("none.csv"), Path("cells.csv"))
