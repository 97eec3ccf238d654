"""Drive tests, MDT and SRS levels as CSV: a line per terminal, time and cell."""

from pathlib import Path

from gfm_ra.errors import InputError
from gfm_ra.measurements.cells import Cells
from gfm_ra.measurements.levels import rsrp_range_dbm, step_of
from gfm_ra.measurements.reports import Level, Report
from gfm_ra.measurements.tables import Row, read_table

NEEDED = ("terminal", "serving", "cell")
OPTIONAL = (
    "rsrp_dbm", "rsrp", "time", "samples", "x_m", "y_m", "transmit_power_dbm", "srs_epre_dbm", "rsrq_db", "sinr_db",
)  # fmt: skip


UPLINK_ONLY = ("transmit_power_dbm", "srs_epre_dbm")


def read_csv(path: Path, cells: Cells, uplink: bool = False) -> tuple[list[Report], list[str]]:
    """Reports of a table with the columns `NEEDED` and some of `OPTIONAL`, and how they were understood.

    Lines of the same terminal and time are one report. `rsrp_dbm` is a level, rounded down to the step that all levels
    are multiples of; `rsrp` is a report value, 3GPP TS 38.133, table 10.1.6.1-1 or TS 36.133, table 9.1.4-1. The
    columns `UPLINK_ONLY` are for levels of terminals' reference signals.

    Raises:
        InputError: the file or a number in it cannot be used, lines of one report contradict each other, or powers of
            terminals are there though the levels are those of cells.
    """
    rows = read_table(path, NEEDED, OPTIONAL)
    are_values = "rsrp" in rows[0].values
    for row in rows:
        if ("rsrp" in row.values) != are_values or ("rsrp_dbm" in row.values) == are_values:
            raise InputError(
                f"{row.place}: write either rsrp_dbm or rsrp (a report value), one of them in all lines"
            )
        _check_direction(row, uplink)
    if are_values:
        notes = ["levels are report values, in steps of 1 dB"]
        levels = [_of_value(row, cells) for row in rows]
    else:
        values = [row.number("rsrp_dbm") for row in rows]
        step_db = step_of(values)
        notes = [
            f"levels count as rounded down to steps of {step_db:g} dB" if step_db else "levels have no steps"
        ]
        levels = [
            Level(value + step_db / 2.0, step_db, _samples(row))
            for row, value in zip(rows, values, strict=True)
        ]
    if any("rsrq_db" in row.values or "sinr_db" in row.values for row in rows):
        notes.append("rsrq_db and sinr_db depend on the load and are not used")
    groups: dict[tuple[str, float | None], list[tuple[Row, Level]]] = {}
    for row, level in zip(rows, levels, strict=True):
        groups.setdefault((row.text("terminal"), row.time_s("time")), []).append((row, level))
    return [_report(lines) for lines in groups.values()], notes


def _check_direction(row: Row, uplink: bool) -> None:
    """Raises InputError for powers of terminals in reports of the downlink."""
    given = [column for column in UPLINK_ONLY if column in row.values]
    if given and not uplink:
        raise InputError(
            f"{row.place}: {' and '.join(given)} are of the uplink: say --uplink (uplink=True) if cells measured the "
            "terminals, or leave them out"
        )


def _of_value(row: Row, cells: Cells) -> Level:
    """The level of a report value; its first and last range have one end only."""
    value, technology = row.finite("rsrp"), cells.carrier.technology if cells.carrier else "nr"
    try:
        if value != int(value):
            raise ValueError(f"RSRP value {value:g} is no whole number")
        low_dbm, high_dbm = rsrp_range_dbm(int(value), technology)
    except ValueError as error:
        raise InputError(f"{row.place}: {error}: write dBm into a column rsrp_dbm") from None
    if low_dbm == -float("inf"):
        return Level(high_dbm, float("inf"))
    return Level(low_dbm + 0.5, 1.0, _samples(row))


def _samples(row: Row) -> int:
    count = row.number_or_none("samples")
    if count is None:
        return 1
    if count != int(count) or count < 1:
        raise InputError(f"{row.place}: samples is {count:g}: write how many measurements were averaged")
    return int(count)


def _report(lines: list[tuple[Row, Level]]) -> Report:
    """The report of lines of one terminal and time."""
    first = lines[0][0]
    for row, _ in lines:
        for column in ("serving", "x_m", "y_m", "transmit_power_dbm", "srs_epre_dbm"):
            if row.values.get(column) != first.values.get(column):
                raise InputError(
                    f"{row.place}: another {column} than in line {first.line}, which is of the same terminal and time"
                )
    return Report(
        first.text("terminal"),
        first.values.get("serving"),
        tuple((row.text("cell"), level) for row, level in lines),
        first.time_s("time"),
        x_m=first.number_or_none("x_m"),
        y_m=first.number_or_none("y_m"),
        transmit_power_dbm=first.power_dbm_or_none("transmit_power_dbm"),
        epre_dbm=first.power_dbm_or_none("srs_epre_dbm"),
        where=f"line {first.line}",
    )
