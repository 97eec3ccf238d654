"""A map of measured cells: where they stand, which terminal each serves, with what power."""

from typing import TYPE_CHECKING

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.measurements.measured import Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_NAMES = 40
_LEAST_DB = -20.0
"""Below full power; lower powers have the same colour."""


def check_positions(measured: Measured) -> None:
    """Check that every cell has a place on the map.

    Raises:
        InputError: one has none.
    """
    for one in measured.cells:
        if one.x_m is None or one.y_m is None:
            raise InputError(
                f"--plot: cell {one.name} has no x_m and y_m: write them into the table of cells"
            )


def figure(measured: Measured, power_dbm: np.ndarray) -> "Figure":
    """Cells coloured by their power below full power, with lines to the terminals whose places are known.

    power_dbm : [R, K]; cells show the mean over rounds (in dB, silent rounds left out), crosses are silent in all.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7.0, 6.2), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = drawn.subplots()
    place = np.array([[one.x_m, one.y_m] for one in measured.cells], dtype=np.float64)  # [K, 2]
    _draw_links(axes, measured, place)
    full_dbm = measured.full_dbm  # [R, K]
    active = np.isfinite(power_dbm)  # [R, K]
    counts = active.sum(0)
    total = np.where(active, power_dbm - full_dbm, 0.0).sum(0)
    below_db = np.where(counts > 0, total / np.maximum(counts, 1), np.nan)  # [K]
    on = counts > 0
    points = axes.scatter(
        *place[on].T, c=below_db[on], vmin=_LEAST_DB, vmax=0.0, cmap="viridis", s=90, marker="^",
        edgecolors="black", linewidths=0.7, zorder=3, label="cell",
    )  # fmt: skip
    if not on.all():
        axes.scatter(*place[~on].T, color="black", marker="x", s=60, zorder=3, label="silent")
    if len(place) <= _MOST_NAMES:
        mean_dbm = np.where(on, full_dbm.mean(0) + np.nan_to_num(below_db), -np.inf)
        for one, (x_m, y_m), power in zip(measured.cells, place, mean_dbm, strict=True):
            text = f"{one.name}\n{power:.1f} dBm" if np.isfinite(power) else f"{one.name}\nsilent"
            axes.annotate(text, (x_m, y_m), (5, 5), textcoords="offset points", fontsize=7)
    drawn.colorbar(points, ax=axes, label="power, dB below full power", extend="min", pad=0.01)
    axes.set(xlabel="x in m", ylabel="y in m", aspect="equal")
    axes.margins(0.15)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, frameon=False, fontsize=9)
    return drawn


def _draw_links(axes: "Axes", measured: Measured, place: np.ndarray) -> None:
    """Lines from cells to their terminals."""
    known = [
        (cell, (terminal.x_m, terminal.y_m))
        for active in measured.terminals
        for cell, terminal in zip(place, active, strict=True)
        if terminal.x_m is not None and terminal.y_m is not None
    ]
    for (x_m, y_m), (other_x_m, other_y_m) in known:
        axes.plot([x_m, other_x_m], [y_m, other_y_m], color="0.6", lw=0.9, zorder=1)
    if known:
        axes.scatter(
            *np.array([there for _, there in known]).T, color="#D55E00", s=18, zorder=2, label="terminal"
        )
