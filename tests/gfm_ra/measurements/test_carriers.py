"""Link budgets of LTE and NR, computed by hand, and their independence of how they are split over elements."""

import math

import pytest

from gfm_ra.measurements.carriers import carrier
from gfm_ra.measurements.cells import Cell, Cells
from gfm_ra.measurements.measured import network_of
from gfm_ra.measurements.reports import Level, Report


def _gain_db(technology, bandwidth_mhz, spacing_khz, power_dbm, epre_dbm, rsrp_dbm) -> float:
    on = carrier(technology, bandwidth_mhz, spacing_khz)
    cell = Cell("a", power_dbm, epre_dbm, on.per_element_dbm(power_dbm))
    cells = Cells({"a": cell}, on.subcarrier_spacing_hz, on)
    measured = network_of([Report("t", "a", (("a", Level(rsrp_dbm)),))], cells)
    return float(measured.network.gain_db[0, 0])


def test_lte_10_mhz_by_hand():
    # 50 blocks, 600 subcarriers of 15 kHz. Per element: 46 - 27.78 = 18.22 dBm sent, -174 + 41.76 + 9 = -123.24 dBm
    # noise. Sent with 18.2 dBm and received with -95 dBm: -95 + 0.02 + 123.24.
    assert _gain_db("lte", 10, None, 46.0, 18.2, -95.0) == pytest.approx(28.26, abs=0.01)


def test_nr_100_mhz_with_a_boosted_reference_by_hand():
    # 273 blocks, 3276 subcarriers of 30 kHz. Per element: 49 - 35.15 = 13.85 dBm, SSB sent with 16.85 dBm; noise
    # -174 + 44.77 + 9 = -120.23 dBm. -90 - 3 + 120.23.
    assert _gain_db("nr", 100, 30, 49.0, 16.85, -90.0) == pytest.approx(27.23, abs=0.01)


def test_nr_millimetre_waves_by_hand():
    # 66 blocks, 792 subcarriers of 120 kHz. Per element: 30 - 28.99 = 1.01 dBm; noise -174 + 50.79 + 9 = -114.21 dBm.
    assert _gain_db("nr", 100, 120, 30.0, 1.01, -100.0) == pytest.approx(14.21, abs=0.01)


@pytest.mark.parametrize(
    ("technology", "mhz", "khz"), [("lte", 20, 15), ("nr", 20, 15), ("nr", 40, 60), ("nr", 400, 120)]
)
def test_per_element_equals_wideband(technology, mhz, khz):
    on, power_dbm, epre_dbm, rsrp_dbm = carrier(technology, mhz, khz), 43.0, 14.0, -97.0
    loss_db = epre_dbm - rsrp_dbm
    noise_dbm = -174.0 + 10 * math.log10(on.occupied_hz) + 9.0
    found = _gain_db(technology, mhz, khz, power_dbm, epre_dbm, rsrp_dbm)
    assert found == pytest.approx(power_dbm - loss_db - noise_dbm, abs=1e-9)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gsm", 5, 15), "lte or nr"),
        (("nr", 20, None), "15, 30, 60"),
        (("nr", 12, 30), "5, 10"),
        (("lte", 10, 30), "15"),
    ],
)
def test_carriers_that_do_not_exist_are_refused(words, said):
    with pytest.raises(ValueError, match=said):
        carrier(*words)
