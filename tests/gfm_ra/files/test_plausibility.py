"""Gains that look like a mistake: said, with the remedy; sensible ones are met with silence."""

from pathlib import Path

import numpy as np
import pytest

from gfm_ra.errors import InputError
from gfm_ra.files.gains import RECEIVERS, TRANSMITTERS, open_gains
from gfm_ra.files.plausibility import Survey, survey


def networks(count: int = 6, links: int = 4) -> np.ndarray:
    """In dB; every receiver receives its own transmitter best, not every transmitter is received best by its own."""
    gain_db = np.random.default_rng(0).uniform(-20.0, 10.0, (count, links, links))
    gain_db += 60.0 * np.arange(links)[:, None]
    gain_db[:, range(links), range(links)] += 31.0
    return gain_db - 60.0


def surveyed(folder: Path, values: np.ndarray, unit: str, orientation: str = RECEIVERS) -> Survey:
    np.save(folder / "g.npy", values)
    return survey(open_gains(folder / "g.npy", unit, orientation))


def test_sensible_gains_are_met_with_silence(tmp_path: Path) -> None:
    gain_db = networks()
    found = surveyed(tmp_path, gain_db, "db")
    assert found.notes == ()
    assert found.findings.least == gain_db.min()
    assert found.findings.largest == gain_db.max()
    linear = surveyed(tmp_path, 10 ** (gain_db / 10), "linear")
    assert linear.notes == ()
    assert "6 networks of 4 links, linear (as given), rows are receivers, float64" in linear.summary()
    assert f"{gain_db.min():.1f} to {gain_db.max():.1f} dB over noise" in linear.summary()


@pytest.mark.parametrize("unit", ["db", "linear"])
def test_path_gains_that_were_not_divided_by_the_noise_are_said(tmp_path: Path, unit: str) -> None:
    own = np.where(np.eye(3, dtype=bool), -80.0, -95.0)
    (note,) = surveyed(tmp_path, own if unit == "db" else 10 ** (own / 10), unit).notes
    assert (
        "no own gain is above -30 dB over noise (the largest is -80.0): divide the gains by the noise power"
        in note
    )
    own[1, 1] = -29.0
    assert surveyed(tmp_path, own if unit == "db" else 10 ** (own / 10), unit).notes == ()


def test_gains_that_are_clipped_are_counted(tmp_path: Path) -> None:
    gain = np.array([[100.0, 0.0, 1e-11], [1e-9, 100.0, 1e-12], [0.0, 1.0, 100.0]])
    (note,) = surveyed(tmp_path, gain, "linear").notes
    assert "2 gains below -100 dB count as -100 dB" in note


def test_gains_in_db_that_are_clipped_are_counted_on_both_sides(tmp_path: Path) -> None:
    gain_db = np.array([[100.0, -np.inf, -100.5], [-90.0, 201.0, -120.0], [-100.0, 0.0, 200.0]])
    below, above = surveyed(tmp_path, gain_db, "db").notes
    assert "2 gains below -100 dB count as -100 dB" in below
    assert "1 gains above 200 dB count as 200 dB" in above


def test_transposed_matrices_are_said_with_both_counts(tmp_path: Path) -> None:
    turned = networks().swapaxes(1, 2)
    (note,) = surveyed(tmp_path, turned, "db").notes
    assert "6 of 24 receivers receive their own transmitter best, read the other way 24" in note
    assert f"--orientation {TRANSMITTERS}" in note
    assert surveyed(tmp_path, turned, "db", TRANSMITTERS).notes == ()
    (note,) = surveyed(tmp_path, networks(), "db", TRANSMITTERS).notes
    assert f"--orientation {RECEIVERS}" in note


def test_linear_gains_below_zero_are_refused_by_place(tmp_path: Path) -> None:
    gain = np.abs(networks())
    gain[2, 1, 3] = -5.0
    with pytest.raises(
        InputError, match=r"g\.npy, network 3, row 2, column 4: -5 is a negative gain.* say --db"
    ):
        surveyed(tmp_path, gain, "linear")
    with pytest.raises(InputError, match="network 1, row 1, column 1: -1 is a negative gain"):
        surveyed(tmp_path, np.full((2, 3, 3), -1.0), "linear")
    gain[2, 1, 3] = np.inf
    for unit in ("linear", "db"):
        with pytest.raises(InputError, match="network 3, row 2, column 4: inf is an infinite gain"):
            surveyed(tmp_path, gain, unit)


def test_unknown_gains_are_counted_and_change_no_finding(tmp_path: Path) -> None:
    gain_db = networks()
    known = surveyed(tmp_path, gain_db, "db")
    gain_db[0, 1, 0] = gain_db[3, 2, 2] = np.nan
    found = surveyed(tmp_path, gain_db, "db")
    assert found.notes == ()
    assert found.findings.unknown == 2
    assert found.findings.rows == known.findings.rows - 1
    assert "2 unknown" in found.summary()
    assert surveyed(tmp_path, np.full((1, 2, 2), np.nan), "db").notes == ()


def test_findings_do_not_depend_on_the_parts(tmp_path: Path) -> None:
    turned = networks(count=9).swapaxes(1, 2)
    np.save(tmp_path / "g.npy", turned)
    gains = open_gains(tmp_path / "g.npy", "db")
    whole, piecewise = Survey(gains), Survey(gains)
    whole.add(turned)
    for part in gains.parts(most=32):
        piecewise.add(part)
    assert piecewise == whole
