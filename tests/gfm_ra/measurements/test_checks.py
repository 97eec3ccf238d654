"""What is impossible, contradicts itself or is too old is left out with its reason, never used."""

import time

import numpy as np
import pytest

from gfm_ra.measurements.checks import Conditions, usable_reports
from gfm_ra.measurements.measured import network_of
from gfm_ra.measurements.reports import Level, Report
from tests.gfm_ra.measurements.cases import NOISE_DBM, cells, report

GOOD = report("good", "b", {"b": -85.5, "a": -95.5})


def _found(bad: Report, **given):
    return network_of([bad, GOOD], cells("a", "b", "c"), Conditions(**given))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (report("t", None, {"a": -80.0}), "does not name its serving cell"),
        (report("t", "x", {"x": -80.0}), "serving cell x is not in the table"),
        (report("t", "a", {"b": -80.0}), "no level of its serving cell"),
        (report("t", "a", {"a": 16.0}), "more than the 15.0 dBm"),
        (report("t", "a", {"a": 70.0}), "a report value"),
        (report("t", "a", {"a": np.nan}), "is nan"),
        (report("t", "a", {"a": -200.0}), "less than any receiver"),
        (Report("t", "a", (("a", Level(-80.0)), ("a", Level(-90.0)))), "reported twice"),
        (Report("t", "a", (("a", Level(-156.0, np.inf)),)), "no usable level"),
        (report("t", "a", {"a": -80.0}, time_s=-2000.0), "s old"),
        (report("t", "a", {"a": -80.0}, time_s=10.0), "future"),
    ],
)
def test_reports_that_cannot_be_used_are_left_out_with_the_reason(bad, said):
    found = _found(bad, now_s=0.0)
    assert [one.name for one in found.cells] == ["b"]
    assert any("terminal t" in line and said in line for line in found.left_out)


@pytest.mark.parametrize(
    ("level", "said"),
    [(np.inf, "inf"), (20.0, "more than"), (-170.0, "less than"), (np.nan, "nan")],
)
def test_one_wrong_level_leaves_the_others(level, said):
    found = _found(report("t", "a", {"a": -80.5, "b": level, "c": -99.5}))
    assert found.network.gain_db[0, 0] == pytest.approx(-80.5 - NOISE_DBM, abs=1e-3)
    assert np.isnan(found.network.gain_db[0, 1])
    # It was named, with whatever level: it is not among those that are weaker than the named ones.
    assert np.isinf(found.network.at_most_db[0, 1])
    assert any("cell b" in line and said in line for line in found.left_out)


def test_unknown_cells_are_named():
    found = _found(report("t", "a", {"a": -80.5, "zz": -90.5}))
    assert any("cell zz" in line and "not in the table" in line for line in found.left_out)


def test_the_same_value_twice_is_no_contradiction():
    found = _found(Report("t", "a", (("a", Level(-80.5)), ("a", Level(-80.5)))))
    assert len(found.cells) == 2
    assert not found.left_out


def test_the_newest_report_of_a_terminal_counts():
    old, new = (report("t", "a", {"a": level}, time_s=when) for level, when in ((-80.5, 0.0), (-90.5, 9.0)))
    for reports in ([old, new], [new, old]):
        usable, left_out = usable_reports(reports, cells("a"), Conditions())
        assert [one.levels["a"].dbm for one in usable] == [-90.5]
        assert len(left_out) == 1


def test_a_time_after_today_does_not_make_the_others_old():
    far = report("t", "a", {"a": -80.5}, time_s=time.time() + 1e6)
    usable, left_out = usable_reports(
        [far, report("u", "b", {"b": -80.5}, time_s=100.0)], cells("a", "b"), Conditions()
    )
    assert [one.report.terminal for one in usable] == ["u"]
    assert "future" in left_out[0]


def test_nothing_usable_says_why():
    with pytest.raises(ValueError, match=r"no report can be used: terminal t.*serving"):
        network_of([report("t", None, {"a": -80.0})], cells("a"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"error_db": -1.0},
        {"error_db": 40.1},
        {"error_db": 1e200},
        {"error_db": np.nan},
        {"max_age_s": np.nan},
        {"noise_figure_db": np.inf},
        {"noise_figure_db": 1e200},
    ],
)
def test_conditions_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Conditions(**wrong)


def test_levels_that_say_nothing_any_more_are_left_out():
    # Two values 120 dB apart, as counters may have them: the standard deviation is 60 dB.
    wide = Report("t", "a", (("a", Level(-80.5)), ("b", Level(-90.0, spread_db=60.0)), ("c", Level(-95.0))))
    found = _found(wide)
    assert np.isnan(found.network.gain_db[0, 1])
    assert np.isinf(found.network.at_most_db[0, 1])
    assert any("cell b" in line and "uncertain by more than 40 dB" in line for line in found.left_out)
    assert (found.network.uncertainty_db <= 40.0).all()


def test_the_largest_error_is_used():
    found = network_of([Report("t", "a", (("a", Level(-80.5)),))], cells("a"), Conditions(error_db=40.0))
    assert found.network.uncertainty_db[0, 0] == 40.0


def test_levels_far_beyond_any_are_left_out_and_do_not_stop_the_others():
    found = _found(report("t", "a", {"a": -80.5, "b": 1e308, "c": -1e308}))
    assert {line.split(": ")[0][-6:] for line in found.left_out} == {"cell b", "cell c"}
