"""Counters of RSRP: how many reports fell into each bin, of the serving cell and of its neighbours.

3GPP TS 28.552, 5.1.1.22: L1M.SS-RSRP of a cell, L1M.SS-RSRPNrNbr of a neighbour, bins of report values.
"""

import math
from collections import defaultdict
from pathlib import Path

from gfm_ra.errors import InputError
from gfm_ra.measurements.cells import Cells
from gfm_ra.measurements.levels import rsrp_range_dbm
from gfm_ra.measurements.reports import Level, Report
from gfm_ra.measurements.tables import Row, read_table

NEEDED = ("cell", "neighbour", "first", "last", "count")
OPTIONAL = ("time",)
_MOST_OPEN_SHARE = 0.5


def read_counters(path: Path, cells: Cells) -> tuple[list[Report], list[str]]:
    """One report per cell, of the mean level that its terminals report, and how it was understood.

    A line is a bin: its cell, the neighbour (empty for the cell itself), the first and last report value in it
    (TS 38.133, table 10.1.6.1-1; LTE: TS 36.133, table 9.1.4-1) and the count. The spread of the levels becomes their
    uncertainty: which level of a neighbour goes with which of the cell is not counted.

    Raises:
        InputError: the file or a number in it cannot be used, or most counts lie in a bin without an end.
    """
    rows = read_table(path, NEEDED, OPTIONAL)
    technology = cells.carrier.technology if cells.carrier else "nr"
    bins: dict[tuple[str, str], list[tuple[float, float, float]]] = defaultdict(list)  # low, high, count
    places: dict[tuple[str, str], Row] = {}
    times: dict[str, float | None] = {}
    for row in rows:
        cell = row.text("cell")
        key = (cell, row.values.get("neighbour", cell))
        bins[key].append(_bin(row, technology))
        places.setdefault(key, row)
        when = row.time_s("time")
        if times.setdefault(cell, when) != when:
            raise InputError(
                f"{row.place}: another time than other lines of cell {cell}: write one period per file"
            )
    notes = [
        "counters: a typical terminal per cell; the spread of levels counts as their uncertainty, and neighbours are "
        "those of the terminals that reported them"
    ]
    levels: dict[str, list[tuple[str, Level]]] = defaultdict(list)
    for (cell, other), counted in bins.items():
        level = _level(counted, places[cell, other], notes)
        levels[cell] += [(other, level)] if level else []
    reports = [
        Report(f"typical of {cell}", cell, tuple(levels[cell]), when, strongest=False, where="counters")
        for cell, when in times.items()
    ]
    return reports, notes


def _bin(row: Row, technology: str) -> tuple[float, float, float]:
    """Ends in dBm and count of a bin; infinite ends where report values have none."""
    first, last, count = row.finite("first"), row.finite("last"), row.finite("count")
    if first != int(first) or last != int(last) or first > last:
        raise InputError(
            f"{row.place}: first {first:g} and last {last:g} must be report values in this order"
        )
    if count < 0 or count != int(count):
        raise InputError(f"{row.place}: count is {count:g}: write how many reports fell into the bin")
    try:
        low_dbm, _ = rsrp_range_dbm(int(first), technology)
        _, high_dbm = rsrp_range_dbm(int(last), technology)
    except ValueError as error:
        raise InputError(f"{row.place}: {error}") from None
    return low_dbm, high_dbm, count


def _level(counted: list[tuple[float, float, float]], row: Row, notes: list[str]) -> Level | None:
    """Mean and standard deviation of the levels in bins, each spread evenly; None where nothing was counted."""
    total = sum(count for *_, count in counted)
    if total == 0:
        return None
    open_share = sum(count for low, high, count in counted if math.isinf(low) or math.isinf(high)) / total
    who = f"cell {row.text('cell')}, neighbour {row.values.get('neighbour', 'none')}"
    if open_share > _MOST_OPEN_SHARE:
        raise InputError(
            f"{row.path}: {open_share:.0%} of the counts of {who} lie in a bin without an end: count in narrower bins"
        )
    if open_share > 0:
        notes.append(f"{who}: {open_share:.1%} of the counts lie in a bin without an end, which is left out")
    closed = [(low, high, count) for low, high, count in counted if not (math.isinf(low) or math.isinf(high))]
    total = sum(count for *_, count in closed)
    mean = sum(count * (low + high) / 2.0 for low, high, count in closed) / total
    square = sum(
        count * (((low + high) / 2.0 - mean) ** 2 + (high - low) ** 2 / 12.0) for low, high, count in closed
    )
    return Level(mean, spread_db=math.sqrt(square / total))
