"""Results of test worlds as lines, as a summary, as JSON and as a picture."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.worlds.references import BEST
from benchmarks.worlds.run import Row
from benchmarks.worlds.table import SHA256
from gfm_ra.errors import InputError

UNCOMMITTED = (BEST, "FPLinQ", "greedy", "full power", "closed loop")
"""References that the committed figures leave out."""
HEADER = (
    f"{'world':22}{'goal':19}{'method':28}{'mean':>9}{'ratio':>8}{'95 % interval':>18}{'1st %':>8}{'edge':>8}"
)


def line(row: Row) -> str:
    """A row of the table."""
    interval = f"[{row.low:.4f}, {row.high:.4f}]"
    numbers = f"{row.mean:9.3f}{row.ratio:8.4f}{interval:>18}{row.first_percentile:8.4f}{row.cell_edge:8.3f}"
    made_for = f"  made for {row.trained_for}" if row.foreign else ""
    return f"{row.world:22}{row.goal:19}{row.method:28}{numbers}{made_for}"


def summary(rows: Sequence[Row]) -> list[str]:
    """Per goal and method: mean ratio over the worlds, and the world where it is least."""
    lines = [f"{'goal':19}{'method':28}{'mean':>8}{'least':>8}  in"]
    for goal, method in dict.fromkeys((row.goal, row.method) for row in rows):
        ours = [row for row in rows if (row.goal, row.method) == (goal, method)]
        worst = min(ours, key=lambda row: row.ratio)
        mean = float(np.mean([row.ratio for row in ours]))
        made_for = f"  made for {worst.trained_for}" if worst.foreign else ""
        lines.append(f"{goal:19}{method:28}{mean:8.4f}{worst.ratio:8.4f}  {worst.world}{made_for}")
    return lines


def check_target(path: Path) -> None:
    """Raise InputError, before any work, unless a file can be written there."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(f"{path} cannot be written: name a file in a folder that exists")


def check_plots() -> None:
    """Raise InputError, before any work, unless pictures can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError("--plot needs matplotlib: pip install 'gfm-ra[plots]'") from None


def write_json(path: Path, rows: Sequence[Row], count: int) -> None:
    """All rows, and the digests of the worlds that they are about."""
    told = [row._asdict() | {"setting": row.setting and row.setting._asdict()} for row in rows]
    digests = {world: SHA256[world] for world in dict.fromkeys(row.world for row in rows)}
    _write(path, json.dumps({"networks": count, "sha256": digests, "rows": told}, indent=1) + "\n")


def write_metrics(path: Path, rows: Sequence[Row], count: int) -> None:
    """The committed figures: ratios of models, peers, one WMMSE run and today's power control, a row a line.

    `trained_for` is there in rows of peers alone.
    """
    lines = [json.dumps(_rounded(row), sort_keys=True) for row in rows if row.method not in UNCOMMITTED]
    _write(path, f'{{"networks": {count}, "rows": [\n' + ",\n".join(lines) + "\n]}\n")


def _rounded(row: Row) -> dict[str, float | str]:
    told = {name: value for name, value in row._asdict().items() if name != "setting" and value is not None}
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in told.items()}


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_plot(path: Path, rows: Sequence[Row]) -> None:
    """One panel per goal: ratios of all methods, world by world; WMMSE-Best is the line at 1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.method != BEST]
    goals, worlds, methods = (list(dict.fromkeys(column)) for column in _columns(shown))
    figure = Figure(figsize=(2.5 + 0.32 * len(worlds), 1.4 + 1.9 * len(goals)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(goals), 1, sharex=True, squeeze=False)[:, 0]
    for panel, goal in zip(panels, goals, strict=True):
        for method, marker in zip(methods, _markers(len(methods)), strict=True):
            ours = [row for row in shown if (row.goal, row.method) == (goal, method)]
            where = [worlds.index(row.world) for row in ours]
            # Hollow: a goal that the method is not made for.
            filling = "none" if ours and ours[0].foreign else "full"
            panel.plot(where, [row.ratio for row in ours], marker, ms=4, label=method, fillstyle=filling)
        panel.axhline(1.0, color="0.6", lw=0.8, zorder=0)
        panel.set_title(goal, loc="left", fontsize=9)
        panel.set_ylim(bottom=-0.05)
        panel.grid(axis="x", color="0.9", lw=0.6)
    panels[-1].set_xticks(range(len(worlds)), worlds, rotation=90, fontsize=7)
    figure.supylabel("score over WMMSE-Best of the same goal", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=7)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        figure.savefig(partial, format="png", dpi=150)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _columns(rows: Sequence[Row]) -> tuple[list[str], list[str], list[str]]:
    return [row.goal for row in rows], [row.world for row in rows], [row.method for row in rows]


def _markers(count: int) -> list[str]:
    known = (
        "o",
        "s",
        "^",
        "v",
        "D",
        "x",
        "+",
        "*",
        "P",
        "<",
        ">",
        "1",
        "2",
        "3",
        "4",
        "h",
        "p",
        "d",
        "X",
        "8",
    )
    return [known[index % len(known)] for index in range(count)]
