"""Scans of access points: who hears whose beacons at how many dBm."""

import dataclasses
from itertools import pairwise
from pathlib import Path

from gfm_ra.errors import InputError
from gfm_ra.measurements.cells import Cell, Cells, names
from gfm_ra.measurements.levels import step_of
from gfm_ra.measurements.reading import Measurements
from gfm_ra.measurements.reports import Level, Report
from gfm_ra.measurements.tables import Row, read_table

NEEDED = ("receiver", "bssid", "level_dbm")
OPTIONAL = ("connected", "time", "x_m", "y_m")
NEEDED_OF_POINTS = ("bssid", "transmit_power_dbm", "power_dbm", "channel", "bandwidth_mhz")
OPTIONAL_OF_POINTS = ("x_m", "y_m")

STAND_IN_DB = 8.0
"""Standard deviation of a level at a client that is only known at its access point."""
_WIDTHS_MHZ = (20.0, 40.0, 80.0, 160.0)
_CLEAR_CHANNELS = 5  # between channels of 20 MHz in the 2.4 GHz band


def read_scan(path: Path, points_path: Path) -> Measurements:
    """Reports of clients from a scan, and the access points.

    The scan has a line per receiver and beacon: `receiver` (a client, or an access point's BSSID), `bssid`,
    `level_dbm`, and for clients `connected`, the BSSID that serves it. The access points' table has `power_dbm`, what
    their beacons are sent with today, and `transmit_power_dbm`, what they can send. A client that hears only its own
    access point is taken to hear the others as that does, give or take 8 dB.

    Raises:
        InputError: a file or a number in it cannot be used, or channels overlap in part.
    """
    points = _points(points_path)
    rows = read_table(path, NEEDED, OPTIONAL)
    levels_dbm = [row.number("level_dbm") for row in rows]
    step_db = step_of(levels_dbm)
    heard: dict[str, list[tuple[Row, Level]]] = {}
    for row, level_dbm in zip(rows, levels_dbm, strict=True):
        heard.setdefault(row.text("receiver"), []).append((row, Level(level_dbm, step_db)))
    reports, borrowed = [], []
    for receiver, lines in heard.items():
        if receiver in points.by_name:
            continue
        report = _client(receiver, lines)
        if len({name for name, _ in report.levels}) == 1 and report.serving in heard:
            report = _with_stand_ins(report, heard[report.serving])
            borrowed.append(receiver)
        reports.append(report)
    notes = [f"levels count as rounded to steps of {step_db:g} dB" if step_db else "levels have no steps"]
    if borrowed:
        notes.append(
            f"{names(borrowed)} hear only their own access point: its scan stands in, +-{STAND_IN_DB:g} dB"
        )
    return Measurements(tuple(reports), points, tuple(notes))


def _client(receiver: str, lines: list[tuple[Row, Level]]) -> Report:
    first = lines[0][0]
    for row, _ in lines:
        for column in OPTIONAL:
            if row.values.get(column) != first.values.get(column):
                raise InputError(
                    f"{row.place}: another {column} than in line {first.line}, which is of {receiver} too"
                )
    return Report(
        receiver,
        first.values.get("connected"),
        tuple((row.text("bssid"), level) for row, level in lines),
        first.time_s("time"),
        x_m=first.number_or_none("x_m"),
        y_m=first.number_or_none("y_m"),
        where=f"line {first.line}",
    )


def _with_stand_ins(report: Report, heard: list[tuple[Row, Level]]) -> Report:
    """The report with what its access point hears of the others, which does not limit what the client hears."""
    others = tuple(
        (row.text("bssid"), dataclasses.replace(level, spread_db=STAND_IN_DB))
        for row, level in heard
        if row.text("bssid") != report.serving
    )
    return dataclasses.replace(report, levels=report.levels + others, strongest=False)


def _points(path: Path) -> Cells:
    rows = read_table(path, NEEDED_OF_POINTS, OPTIONAL_OF_POINTS)
    width_mhz = rows[0].finite("bandwidth_mhz")
    if width_mhz not in _WIDTHS_MHZ:
        raise InputError(f"{rows[0].place}: bandwidth_mhz is {width_mhz:g}: write 20, 40, 80 or 160")
    found: dict[str, Cell] = {}
    channels: dict[int, Row] = {}
    for row in rows:
        if row.finite("bandwidth_mhz") != width_mhz:
            raise InputError(
                f"{row.place}: another bandwidth_mhz than in line {rows[0].line}: write a file for each"
            )
        channel = _channel(row)
        channels.setdefault(channel, row)
        name, full_dbm, power_dbm = (
            row.text("bssid"),
            row.power_dbm("transmit_power_dbm"),
            row.power_dbm("power_dbm"),
        )
        if name in found:
            raise InputError(f"{row.place}: access point {name} is there twice: leave one line out")
        if power_dbm > full_dbm + 1e-6:
            raise InputError(
                f"{row.place}: power_dbm is {power_dbm:g}, more than transmit_power_dbm, the most it can, {full_dbm:g}"
            )
        found[name] = Cell(
            name, full_dbm, power_dbm, full_dbm, power_dbm, channel=_block(channel, width_mhz, row),
            x_m=row.number_or_none("x_m"), y_m=row.number_or_none("y_m"),
        )  # fmt: skip
    _check_overlaps(channels)
    return Cells(found, 1e6 * width_mhz)


def _channel(row: Row) -> int:
    channel = row.finite("channel")
    if channel != int(channel) or not (1 <= channel <= 14 or 36 <= channel <= 177):
        raise InputError(f"{row.place}: channel is {channel:g}: write 1 to 14 (2.4 GHz) or 36 to 177 (5 GHz)")
    return int(channel)


def _block(channel: int, width_mhz: float, row: Row) -> str:
    """What channels that disturb each other have in common: at 5 GHz the block of that width (IEEE 802.11, annex E)."""
    if channel <= 14:
        if width_mhz != 20.0:
            raise InputError(
                f"{row.place}: channel {channel} of the 2.4 GHz band with {width_mhz:g} MHz: write 20"
            )
        return str(channel)
    start = 36 if channel < 149 else 149
    return f"{start}+{(channel - start) // int(width_mhz / 5.0)}"


def _check_overlaps(channels: dict[int, Row]) -> None:
    low = sorted(channel for channel in channels if channel <= 14)
    for channel, other in pairwise(low):
        if other - channel < _CLEAR_CHANNELS:
            raise InputError(
                f"{channels[other].place}: channels {channel} and {other} overlap in part, which no scan measures: "
                "use channels that are alike or 5 apart, such as 1, 6 and 11"
            )
