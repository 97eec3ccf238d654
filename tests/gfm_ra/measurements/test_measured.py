"""Networks of reports: gains, uncertainties, limits, rounds, directions."""

import dataclasses

import numpy as np
import pytest

from gfm_ra.measurements.checks import Conditions
from gfm_ra.measurements.measured import network_of
from gfm_ra.measurements.reports import Level, Report
from tests.gfm_ra.measurements.cases import CARRIER, EPRE_DBM, NOISE_DBM, cells, report

THREE = (
    report("t", "a", {"a": -80.5, "b": -99.5}),
    report("u", "b", {"b": -85.5, "a": -95.5, "c": -101.5}),
    report("v", "c", {"c": -90.5}),
)


def test_gains_are_levels_over_noise_row_receiver_column_transmitter():
    gain_db = network_of(THREE, cells("a", "b", "c")).network.gain_db
    expected = [[-80.5, -99.5, np.nan], [-95.5, -85.5, -101.5], [np.nan, np.nan, -90.5]]
    np.testing.assert_allclose(gain_db, np.array(expected) - NOISE_DBM, atol=1e-3)


def test_cells_that_were_not_named_lie_below_the_weakest_named_neighbour():
    at_most = network_of(THREE, cells("a", "b", "c")).network.at_most_db
    assert at_most[0, 2] == pytest.approx(-99.0 - NOISE_DBM, abs=1e-3)  # upper end of the step of b
    assert np.isinf(at_most[2]).all()  # no neighbour was named: nothing is known of the others


def test_limits_depend_on_how_strongly_the_cell_itself_sends():
    table = cells("a", "b", "c")
    boosted = dataclasses.replace(table.by_name["c"], reference_dbm=EPRE_DBM + 3.0)
    table = dataclasses.replace(table, by_name=table.by_name | {"c": boosted})
    at_most = network_of(THREE, table).network.at_most_db
    assert at_most[0, 2] == pytest.approx(-99.0 - 3.0 - NOISE_DBM, abs=1e-3)


def test_reports_that_do_not_name_the_strongest_give_no_limits():
    reports = [dataclasses.replace(one, strongest=False) for one in THREE]
    assert np.isinf(network_of(reports, cells("a", "b", "c")).network.at_most_db).all()


def test_a_report_of_less_than_a_level_is_a_limit():
    levels = (("a", Level(-80.5, 1.0)), ("b", Level(-156.0, np.inf)))
    found = network_of([Report("t", "a", levels), THREE[1]], cells("a", "b"))
    assert np.isnan(found.network.gain_db[0, 1])
    assert found.network.at_most_db[0, 1] == pytest.approx(-156.0 - NOISE_DBM, abs=1e-3)


def test_uncertainty_adds_error_step_age_and_averaging_in_squares():
    levels = (("a", Level(-80.5, 1.0, samples=4)), ("b", Level(-99.5, 1.0, spread_db=5.0)))
    given = Conditions(error_db=2.0, speed_m_per_s=1.0, now_s=50.0)
    found = network_of(
        [Report("t", "a", levels, time_s=0.0), report("u", "b", {"b": -85.5}, time_s=50.0)],
        cells("a", "b"),
        given,
    )
    drift = 2.0 * 36.0 * (1.0 - np.exp(-1.0))
    expected = [[(4.0 + 1 / 12) / 4 + drift, 4.0 + 1 / 12 + 25.0 + drift], [0.0, 4.0 + 1 / 12]]
    np.testing.assert_allclose(found.network.uncertainty_db**2, expected, rtol=1e-5)


def test_the_order_of_reports_does_not_matter_and_that_of_cells_permutes():
    one = network_of(THREE, cells("a", "b", "c")).network.gain_db
    np.testing.assert_array_equal(network_of(THREE[::-1], cells("a", "b", "c")).network.gain_db, one)
    turned = network_of(THREE, cells("c", "a", "b")).network.gain_db
    np.testing.assert_array_equal(turned, one[np.ix_([2, 0, 1], [2, 0, 1])])


def test_several_terminals_per_cell_take_turns_or_one_is_chosen():
    more = [*THREE, report("w", "a", {"a": -70.5}, time_s=10.0)]
    table = cells("a", "b", "c")
    found = network_of(more, table)
    assert found.network.shape == (2,)
    assert [[one.terminal for one in active] for active in found.terminals] == [
        ["t", "u", "v"],
        ["w", "u", "v"],
    ]
    given = Conditions(now_s=10.0)
    assert network_of(more, table, given, "weakest").terminals[0][0].terminal == "t"
    chosen = network_of(more, table, given, {"a": "w", "b": "u"})
    assert [one.terminal for one in chosen.terminals[0]] == ["w", "u"]
    assert any("cell c" in line for line in chosen.left_out)
    with pytest.raises(ValueError, match="rounds, weakest, newest"):
        network_of(more, table, given, "best")  # type: ignore[arg-type]


def test_choices_for_cells_that_are_not_there_are_refused_or_named():
    table = cells("a", "b", "c")
    with pytest.raises(ValueError, match=r"the cell cx: the table of cells has a, b, c"):
        network_of(THREE, table, terminals={"a": "t", "cx": "u"})
    found = network_of(THREE[:2], table, terminals={"a": "t", "c": "v"})
    assert [one.name for one in found.cells] == ["a"]
    assert any("cell c: no usable report of a terminal that was chosen" in line for line in found.left_out)


def test_cells_without_terminals_are_named_and_have_no_link():
    found = network_of(THREE[:2], cells("a", "b", "c"))
    assert [one.name for one in found.cells] == ["a", "b"]
    assert any("silent" in note and " c:" in note for note in found.notes)


def test_uplink_swaps_the_roles():
    # 20 MHz, 30 kHz: 51 blocks, 612 subcarriers. Terminal: 23 dBm, 23 - 27.87 = -4.87 dBm per element, SRS sent with
    # -1.87. Cell: noise -174 + 44.77 + 5 = -124.23. Level -110: -110 - 3 + 124.23.
    sent = {"transmit_power_dbm": 23.0, "epre_dbm": CARRIER.per_element_dbm(23.0) + 3.0}
    reports = [report("t", "a", {"a": -110.0, "b": -120.0}, **sent), report("u", "b", {"b": -112.0}, **sent)]
    found = network_of(reports, cells("a", "b"), Conditions(uplink=True))
    np.testing.assert_allclose(
        found.network.gain_db[:, 0], [11.23, 1.23], atol=0.01
    )  # both cells hear terminal t
    assert np.isnan(found.network.gain_db[0, 1])
    assert np.isinf(found.network.at_most_db).all()
    np.testing.assert_allclose(found.network.transmit_power_w, 0.2, rtol=0.01)
    assert found.today is None


def test_levels_rounded_down_come_back_without_bias():
    rng = np.random.default_rng(4)
    true_dbm = rng.uniform(-120.0, -70.0, (3000, 2))
    true_dbm[:, 0] += 20.0
    found = []
    for levels in np.floor(true_dbm):
        reports = [
            report("t", "a", {"a": levels[0] + 0.5, "b": levels[1] + 0.5}),
            report("u", "b", {"b": -80.5}),
        ]
        found.append(network_of(reports, cells("a", "b")).network.gain_db[0])
    error = np.array(found) - (true_dbm - NOISE_DBM)
    assert abs(error.mean()) < 0.05
    assert error.std() == pytest.approx(1 / np.sqrt(12), rel=0.05)
