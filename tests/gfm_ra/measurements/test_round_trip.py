"""Gains become reports in a file, and the file a network: the gains come back without bias."""

import csv
from pathlib import Path

import numpy as np
import pytest

from components.channel.reports import simulated_reports
from gfm_ra.measurements.checks import Conditions
from gfm_ra.measurements.measured import network_of
from gfm_ra.measurements.reading import read_measurements
from tests.gfm_ra.measurements.cases import EPRE_DBM, NOISE_DBM

LINKS = 16
NAMES = [f"C{number}" for number in range(LINKS)]


def _written(folder: Path, level_dbm: np.ndarray) -> tuple[Path, Path]:
    """Reports of levels [K, K] (NaN: not reported) in whole dBm rounded down, and the cells that sent them."""
    cells, reports = folder / "cells.csv", folder / "reports.csv"
    with cells.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "cell",
                "technology",
                "bandwidth_mhz",
                "subcarrier_spacing_khz",
                "transmit_power_dbm",
                "epre_dbm",
            ]
        )
        full_dbm = EPRE_DBM + 10 * np.log10(12 * 51)
        writer.writerows([name, "nr", 20, 30, full_dbm, EPRE_DBM] for name in NAMES)
    with reports.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["terminal", "serving", "cell", "rsrp_dbm"])
        for own, cell in np.argwhere(~np.isnan(level_dbm)):
            writer.writerow([f"t{own}", NAMES[own], NAMES[cell], int(np.floor(level_dbm[own, cell]))])
    return reports, cells


def _back(folder: Path, level_dbm: np.ndarray, error_db: float):
    found = read_measurements(*_written(folder, level_dbm))
    return network_of(found.reports, found.cells, Conditions(error_db=error_db)).network


def _gains(count: int) -> np.ndarray:
    return np.random.default_rng(7).normal(5.0, 8.0, (count, LINKS, LINKS)) + 30.0 * np.eye(LINKS)


@pytest.mark.parametrize("error_db", [0.0, 1.0, 3.0])
def test_all_reported_gains_come_back_without_bias(tmp_path, error_db):
    gain_db, own = _gains(60), np.eye(LINKS, dtype=bool)
    told = simulated_reports(gain_db, LINKS - 1, 0.0, error_db, rng=np.random.default_rng(8)).reported_db
    error_of = np.array([_back(tmp_path, one + NOISE_DBM, error_db).gain_db for one in told]) - gain_db
    assert abs(error_of[:, own].mean()) < 0.2
    assert abs(error_of[:, ~own].mean()) < 0.2
    stated = _back(tmp_path, told[0] + NOISE_DBM, error_db).uncertainty_db
    assert error_of.std() == pytest.approx(stated.mean(), rel=0.05)


def test_what_is_not_reported_comes_back_unknown_below_its_limit(tmp_path):
    (gain_db,) = _gains(1)
    told = simulated_reports(gain_db[None], 4, 0.0, 0.0, rng=np.random.default_rng(8)).reported_db[0]
    found = _back(tmp_path, told + NOISE_DBM, 0.0)
    unknown = np.isnan(told)
    np.testing.assert_array_equal(np.isnan(found.gain_db), unknown)
    assert unknown.sum() == LINKS * (LINKS - 5)
    assert (gain_db[unknown] <= found.at_most_db[unknown]).all()
    # No limit is more than a step above what it is taken from.
    weakest = np.where(np.eye(LINKS, dtype=bool), np.nan, told)
    above = found.at_most_db - np.nanmin(weakest, axis=1, keepdims=True)
    assert (above[unknown] <= 1.0 + 1e-3).all()
