"""A picture of an explanation: own gain against harm link by link, and who hurts whom."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gfm_ra.errors import InputError, UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gfm_ra.explain.explanation import Explanation

ENDINGS = (".png", ".pdf", ".svg")
_DECADES = 4.0
"""Powers of ten that the matrix shows below its largest entry."""
_GAIN, _HARM, _POWER = "#0072B2", "#D55E00", "#7F7F7F"  # told apart with any kind of colour vision
_MOST_TICKS = 50


def check(path: Path) -> None:
    """Check before any work that a picture can be drawn into a file of this name.

    Raises:
        InputError: the ending is another one.
        UserError: matplotlib is missing.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} must end in {', '.join(ENDINGS)}: name the picture so")
    try:
        import_module("matplotlib")
    except ModuleNotFoundError:
        raise UserError(f"{path} needs matplotlib: pip install 'gfm-ra[plots]'") from None


def draw(found: "Explanation", path: Path) -> None:
    """Draw all links of a network into a file.

    Raises:
        InputError, UserError: as `check`.
        OSError: the file cannot be written; nothing is left of it.
    """
    check(path)
    save(figure(found), path)


def save(drawn: "Figure", path: Path) -> None:
    """Write a figure into a file whose name `check` accepts.

    Raises:
        OSError: the file cannot be written; nothing is left of it.
    """
    target = path.resolve()  # what a link points to is replaced, not the link
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        drawn.savefig(partial, dpi=150, metadata={} if target.suffix == ".png" else None)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def figure(found: "Explanation") -> "Figure":
    """Powers, own gains and harms above the matrix of harm; a figure of its own, beside pyplot's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    links = len(found.harm_matrix)
    width = float(np.clip(3.0 + 0.2 * links, 6.0, 13.0))
    drawn = Figure(figsize=(width, 3.6 + 0.8 * width), layout="constrained")
    FigureCanvasAgg(drawn)
    power, bars, matrix = drawn.subplots(3, 1, height_ratios=(1.0, 2.5, 0.8 * width), sharex=True)
    power.bar(range(links), [link.power for link in found.links], color=_POWER)
    power.set(ylabel="power", ylim=(0, 1.05))
    power.set_title(
        f"{found.goal} {found.utility:.4g}, powers as parts of full power", loc="left", fontsize=10
    )
    _draw_bars(bars, found)
    _draw_matrix(matrix, found)
    matrix.set_xlim(-0.6, links - 0.4)
    return drawn


def _draw_bars(axes: "Axes", found: "Explanation") -> None:
    """What more power of a link gives it, and what it takes from the others and costs."""
    place = np.arange(len(found.links))
    gains = np.array([link.own_gain for link in found.links])
    harms = np.array([link.harm + link.power_cost for link in found.links])
    label = "harm to others" + " and cost of power" * any(link.power_cost for link in found.links)
    axes.bar(place - 0.2, gains, 0.4, color=_GAIN, label="own gain")
    axes.bar(place + 0.2, harms, 0.4, color=_HARM, label=label)
    shown = np.concatenate([gains, harms])
    shown = shown[shown > 0]
    if len(shown):  # a silent link's derivatives are thousands of times those of others
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(shown.min() / 2.0, shown.max() * 1e-9))
    axes.set_ylabel("utility per\nfull power")
    axes.grid(axis="y", color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, frameon=False, fontsize=9, borderaxespad=0.2
    )


def _draw_matrix(axes: "Axes", found: "Explanation") -> None:
    """The harm of every link's power to every other one."""
    from matplotlib.colors import LogNorm

    harm = np.ma.masked_less_equal(found.harm_matrix, 0.0)
    most = float(harm.max()) if harm.count() else 1.0
    norm = LogNorm(most * 10.0**-_DECADES, most)
    drawn = axes.imshow(harm, cmap="OrRd", norm=norm, aspect="auto", interpolation="nearest")
    ticks = range(0, len(harm), -(-len(harm) // _MOST_TICKS))
    size = 8 if len(harm) <= 30 else 6
    axes.set_xticks(ticks, map(str, ticks), fontsize=size)
    axes.set_yticks(ticks, map(str, ticks), fontsize=size)
    axes.set(xlabel="more power of this link ...", ylabel="... takes from this link")
    axes.figure.colorbar(drawn, ax=axes, label="harm, utility per full power", extend="min", pad=0.01)
