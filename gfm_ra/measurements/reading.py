"""Measurements in files: which format a file has, and its reports."""

from dataclasses import dataclass
from pathlib import Path

from gfm_ra.errors import InputError
from gfm_ra.measurements.cells import Cells, read_cells
from gfm_ra.measurements.reports import Report
from gfm_ra.measurements.tables import columns_of


@dataclass(frozen=True)
class Measurements:
    """Reports of a file with the cells that they are about."""

    reports: tuple[Report, ...]
    cells: Cells
    notes: tuple[str, ...] = ()
    """How the file was understood, a line each."""


def read_measurements(path: Path, cells_path: Path, uplink: bool = False) -> Measurements:
    """Reports of a file in one of the formats of docs/measurements.md, and their table of cells or access points.

    Args:
        path: JSON; or CSV, whose columns say which kind: `rsrp_dbm` or `rsrp` (terminals' reports), `count` (counters),
            `level_dbm` (scan of access points).
        cells_path: CSV, a line per cell or access point.
        uplink: levels are those of terminals' reference signals; for CSV reports of terminals only.

    Raises:
        InputError: a file or a number in it cannot be used; one line says which and what to do.
    """
    if path.suffix.lower() == ".json":
        _downlink_only(path, uplink, "JSON reports")
        from gfm_ra.measurements.json_reports import read_json

        return _with_cells(*read_json(path), read_cells(cells_path))
    columns = columns_of(path)
    if "level_dbm" in columns:
        _downlink_only(path, uplink, "a scan")
        from gfm_ra.measurements.scan import read_scan

        return read_scan(path, cells_path)
    if "count" in columns:
        _downlink_only(path, uplink, "counters")
        from gfm_ra.measurements.counters import read_counters

        cells = read_cells(cells_path)
        return _with_cells(*read_counters(path, cells), cells)
    if "rsrp_dbm" in columns or "rsrp" in columns:
        from gfm_ra.measurements.csv_reports import read_csv

        cells = read_cells(cells_path)
        return _with_cells(*read_csv(path, cells, uplink), cells)
    raise InputError(
        f"{path}: none of the columns rsrp_dbm, rsrp, count and level_dbm is there: which kind of reports it holds is "
        "in docs/measurements.md"
    )


def _with_cells(reports: list[Report], notes: list[str], cells: Cells) -> Measurements:
    return Measurements(tuple(reports), cells, tuple(notes))


def _downlink_only(path: Path, uplink: bool, what: str) -> None:
    if uplink:
        raise InputError(
            f"{path}: {what} of the uplink cannot be read: write SRS levels as a CSV of terminals"
        )
