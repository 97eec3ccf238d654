"""Reports as JSON, in the shapes of O-RAN-SC's traffic steering use case.

- prediction requests of the QP xApp: `predictionUE`, `ueMeasurements.servingCellId`, `cellMeasurements` with `cellId`,
  `measTimestampRf` and `rfMeasurements` (`rsrp`, `rsrq`, `rsSinr`): o-ran-sc/ric-app-qp-driver, docs/overview.rst;
- rows of its database: `ue-id`, `nrCellIdentity`, `RF.serving.RSRP`, `nbCellIdentity_0`, `rsrp_nb0` and so on:
  o-ran-sc/ric-app-ad and ric-app-qp, insert.py;
- entries of KPIMON: `UEID`, `ServingCellID`, `ServingCellRF`, `NeighborCellRF` with `CID` and `CellRF`:
  o-ran-sc/ric-app-kpimon, control/types.go.

Case does not matter in names. RSRP is in dBm; RSRQ and SINR, which depend on the load, are not used.
"""

import json
import math
from pathlib import Path
from typing import Any

from gfm_ra.errors import InputError
from gfm_ra.measurements.levels import step_of
from gfm_ra.measurements.reports import Level, Report
from gfm_ra.measurements.tables import text_of, time_s

_HUGE = 1e12
"""No level in dBm, no time and no place in metres is as large."""
Named = list[tuple[str, float]]
"""Cells with levels in dBm as they are written."""


def read_json(path: Path) -> tuple[list[Report], list[str]]:
    """Reports of a JSON file, an object, a list of them, or one per line, and how they were understood.

    Whole numbers of dBm count as rounded down, as report values are.

    Raises:
        InputError: it is no JSON, or an object has none of the three shapes.
    """
    entries = _entries(path)
    read = [_read(entry, f"{path}, object {number}") for number, entry in enumerate(entries)]
    step_db = step_of(level for _, _, named, _ in read for _, level in named)
    reports = [
        Report(
            terminal,
            serving,
            tuple((cell, Level(level + step_db / 2.0, step_db)) for cell, level in named),
            when,
            x_m=_coordinate(entry, "x", f"{path}, object {number}"),
            y_m=_coordinate(entry, "y", f"{path}, object {number}"),
            where=f"object {number}",
        )
        for number, (entry, (terminal, serving, named, when)) in enumerate(zip(entries, read, strict=True))
    ]
    understood = (
        f"levels count as rounded down to steps of {step_db:g} dB" if step_db else "levels have no steps"
    )
    return reports, [understood, "RSRQ and SINR depend on the load and are not used"]


def _entries(path: Path) -> list[Any]:
    text = text_of(path)
    try:
        found = _lowered(json.loads(text))
    except RecursionError:
        raise InputError(f"{path} is nested too deeply for reports: see docs/measurements.md") from None
    except ValueError as whole:  # no JSON, or a number of thousands of digits
        try:
            found = [_lowered(json.loads(line)) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise InputError(
                f"{path} is no JSON ({whole}): an object, a list of them, or one per line"
            ) from None
    found = found if isinstance(found, list) else [found]
    if not found:
        raise InputError(f"{path} holds no report: write at least one")
    return found


def _lowered(value: Any) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """The same with names in lower case."""
    if isinstance(value, dict):
        return {str(name).lower(): _lowered(entry) for name, entry in value.items()}
    return [_lowered(entry) for entry in value] if isinstance(value, list) else value


def _read(entry: Any, place: str) -> tuple[str, str | None, Named, float | None]:  # noqa: ANN401
    """Terminal, serving cell, levels and time of one object."""
    if isinstance(entry, dict):
        if "cellmeasurements" in entry:
            return _of_request(entry, place)
        if "servingcellrf" in entry:
            return _of_kpimon(entry, place)
        if "rf.serving.rsrp" in entry:
            return _of_row(entry, place)
    raise InputError(
        f"{place}: none of cellMeasurements, ServingCellRF and RF.serving.RSRP is there: the shapes that are read are "
        "in docs/measurements.md"
    )


def _of_request(entry: dict[str, Any], place: str) -> tuple[str, str | None, Named, float | None]:
    own = entry.get("uemeasurements", entry.get("uemeasurement"))
    if not isinstance(own, dict) or not isinstance(entry["cellmeasurements"], list):
        raise InputError(f"{place}: ueMeasurements must be an object, and cellMeasurements a list")
    named, times = [], []
    for cell in entry["cellmeasurements"]:
        if not isinstance(cell, dict) or "cellid" not in cell:
            raise InputError(f"{place}: every entry of cellMeasurements needs a cellId")
        named.append((str(cell["cellid"]), _rsrp(cell.get("rfmeasurements"), place)))
        times += [_time(cell["meastimestamprf"], place)] if cell.get("meastimestamprf") is not None else []
    return (
        _name(entry, "predictionue", place),
        _cell(own.get("servingcellid")),
        named,
        min(times, default=None),
    )


def _of_kpimon(entry: dict[str, Any], place: str) -> tuple[str, str | None, Named, float | None]:
    serving = _cell(entry.get("servingcellid"))
    named = [(serving or "", _rsrp(entry["servingcellrf"], place))]
    neighbours = entry.get("neighborcellrf")
    if not isinstance(neighbours, list | None):
        raise InputError(f"{place}: NeighborCellRF must be a list, or null")
    for cell in neighbours or []:
        if not isinstance(cell, dict) or "cid" not in cell:
            raise InputError(f"{place}: every entry of NeighborCellRF needs a CID")
        named.append((str(cell["cid"]), _rsrp(cell.get("cellrf"), place)))
    when = entry.get("meastimestamprf")
    return _name(entry, "ueid", place), serving, named, None if when is None else _time(when, place)


def _of_row(entry: dict[str, Any], place: str) -> tuple[str, str | None, Named, float | None]:
    serving = _cell(entry.get("nrcellidentity"))
    named = [(serving or "", _number(entry["rf.serving.rsrp"], place))]
    number = 0
    while f"nbcellidentity_{number}" in entry:
        cell = _cell(entry[f"nbcellidentity_{number}"])
        level = entry.get(f"rsrp_nb{number}")
        if cell is not None and level is not None:
            named.append((cell, _number(level, place)))
        number += 1
    when = entry.get("meastimestamprf")
    return _name(entry, "ue-id", place), serving, named, None if when is None else _time(when, place)


def _name(entry: dict[str, Any], key: str, place: str) -> str:
    if entry.get(key) in (None, ""):
        raise InputError(f"{place}: {key} is missing: name the terminal")
    return str(entry[key])


def _cell(value: object) -> str | None:
    return None if value in (None, "") else str(value)


def _rsrp(measured: Any, place: str) -> float:  # noqa: ANN401
    """The RSRP among a cell's measurements; NaN where there is none, which is left out with its reason later."""
    if not isinstance(measured, dict) or measured.get("rsrp") is None:
        return math.nan
    return _number(measured["rsrp"], place)


def _number(value: object, place: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE:
        return float(value)
    if isinstance(value, float):
        return value  # NaN and infinities are left out with their reason
    raise InputError(f"{place}: RSRP is {str(value)[:20]!r}: write a number in dBm")


def _time(value: object, place: str) -> float:
    if isinstance(value, dict):
        value = value.get("tv_sec")
    return time_s(value, f"{place}: measTimestampRf")


def _coordinate(entry: dict[str, Any], key: str, place: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _HUGE:
        raise InputError(
            f"{place}: {key} is {str(value)[:20]!r}: write a position in metres, or leave it out"
        )
    return float(value)
