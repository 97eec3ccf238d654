"""One figure's values as a PNG and as a Vega-Lite specification with the values inside."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from pipelines.reporting.style import COLOURS, figure

Row = dict[str, Any]
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "h", "p")
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"


class Figure(NamedTuple):
    """A figure as data: what it shows, and one row per point with its interval."""

    name: str
    title: str
    x: str
    y: str
    kind: str  # "bars", "lines" or "points"
    rows: list[Row]  # panel, series, x, value, low, high, runs, snapshots
    logarithmic: bool = False  # the x axis


def panels(rows: Sequence[Row]) -> list[str]:
    """The panels in the order in which they come."""
    return list(dict.fromkeys(row["panel"] for row in rows))


def series(rows: Sequence[Row]) -> list[str]:
    """The series in the order in which they come."""
    return list(dict.fromkeys(row["series"] for row in rows))


def draw(path: Path, shown: Figure) -> None:
    """Draw one PNG, a panel beside the other."""
    names = series(shown.rows)
    with figure(path, panels=len(panels(shown.rows)), width=4.4, height=4.2) as axes:
        for axis, panel in zip(axes, panels(shown.rows), strict=True):
            here = [row for row in shown.rows if row["panel"] == panel]
            places = list(dict.fromkeys(row["x"] for row in here))
            for number, name in enumerate(names):
                mine = [row for row in here if row["series"] == name and row["value"] is not None]
                if mine:
                    _series(axis, shown, mine, places, number, len(names))
            axis.set_title(panel, fontsize=9)
            axis.set_xlabel(shown.x)
            if shown.kind == "bars":
                axis.set_xticks(range(len(places)), [str(place) for place in places])
            elif shown.logarithmic:
                axis.set_xscale("log")
                axis.xaxis.set_minor_locator(NullLocator())
                if shown.kind == "lines":
                    axis.set_xticks(places, [_short(place) for place in places])
                else:
                    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
                    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            if shown.kind == "bars":
                axis.set_ylim(bottom=0.0)  # what is below is hopeless
            else:
                _window(axis, here)
        axes[0].set_ylabel(shown.y)
        handles: dict[str, Any] = {}
        for axis in axes:
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        wanted = [name for name in names if name in handles]
        axes[0].figure.legend(
            [handles[name] for name in wanted], wanted,
            loc="outside lower center", ncols=min(len(wanted), 2 * len(axes)), fontsize=8,
        )  # fmt: skip


def _short(number: float) -> str:
    """A number for an axis: 216,000 as 216k."""
    return f"{number / 1000:g}k" if number >= 10_000 else f"{number:g}"


def _window(axis: Axes, rows: Sequence[Row]) -> None:
    """Leave out of sight what is hopelessly low, so that what competes can be told apart."""
    values = sorted(row["value"] for row in rows if row["value"] is not None)
    if not values or values[0] >= 0.5 * values[len(values) // 2]:
        return
    seen = [value for value in values if value >= 0.5 * values[len(values) // 2]]
    if len(seen) >= 3 and axis.get_ylim()[0] < 0.5 * seen[0]:
        axis.set_ylim(bottom=seen[0] - 0.15 * (seen[-1] - seen[0]) - 1e-3)


def _series(
    axis: Axes, shown: Figure, rows: Sequence[Row], places: Sequence[Any], number: int, count: int
) -> None:
    value, low, high = (np.array([row[key] for row in rows], dtype=float) for key in ("value", "low", "high"))
    ends = np.abs([value - low, high - value])
    style = {"color": COLOURS[number % len(COLOURS)], "label": rows[0]["series"]}
    if shown.kind == "bars":
        width = 0.84 / count
        where = np.array([places.index(row["x"]) for row in rows]) + (number - (count - 1) / 2) * width
        hatch = "//" if number >= len(COLOURS) else None
        axis.bar(where, value, width, yerr=ends, error_kw={"elinewidth": 1}, hatch=hatch, **style)
        return
    where = np.array([row["x"] for row in rows], dtype=float)
    line = "--" if number >= len(COLOURS) else "-"
    axis.errorbar(
        where, value, ends, linestyle=line, marker=MARKERS[number % len(MARKERS)], markersize=4, capsize=2,
        linewidth=1.2, **style,
    )  # fmt: skip


def vega(shown: Figure) -> dict[str, Any]:
    """The figure for Vega-Lite: values, points or bars, and their intervals."""
    discrete = shown.kind == "bars"
    axis: dict[str, Any] = {"field": "x", "title": shown.x, "type": "nominal" if discrete else "quantitative"}
    if shown.logarithmic and not discrete:
        axis["scale"] = {"type": "log"}
    value = {"field": "value", "type": "quantitative", "title": shown.y, "scale": {"zero": discrete}}
    colour = {"field": "series", "type": "nominal", "sort": series(shown.rows), "title": None}
    shared: dict[str, Any] = {"x": axis, "color": colour}
    if discrete:
        shared["xOffset"] = {"field": "series", "sort": series(shown.rows)}
    mark: dict[str, Any] = {"type": "bar"} if discrete else {"type": "line", "point": True}
    tooltip = [{"field": key} for key in ("series", "x", "value", "low", "high", "runs", "snapshots")]
    return {
        "$schema": SCHEMA,
        "title": shown.title,
        "data": {"values": [{key: _plain(row[key]) for key in row} for row in shown.rows]},
        "facet": {"field": "panel", "type": "nominal", "title": None, "sort": panels(shown.rows)},
        "columns": 4,
        "resolve": {"scale": {"y": "independent", "x": "independent"}},
        "spec": {
            "width": 260,
            "height": 220,
            "layer": [
                {"mark": mark, "encoding": shared | {"y": value, "tooltip": tooltip}},
                {
                    "mark": {"type": "rule"},
                    "encoding": shared | {"y": value | {"field": "low"}, "y2": {"field": "high"}},
                },
            ],
        },
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 (whatever a row holds)
    return None if isinstance(value, float) and not math.isfinite(value) else value
