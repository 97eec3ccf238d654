"""One look for every figure, and how a figure is saved without a clock in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes

# Okabe-Ito: told apart by people with any kind of colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F")
STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "font.size": 10,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
}


@contextmanager
def figure(path: Path, panels: int = 1, width: float = 4.6, height: float = 3.3) -> Iterator[list[Axes]]:
    """A row of panels, saved as PNG when the block ends."""
    with plt.rc_context(STYLE):
        drawn, axes = plt.subplots(
            1, panels, figsize=(width * panels, height), squeeze=False, layout="constrained"
        )
        try:
            yield list(axes[0])
            drawn.savefig(path, metadata={"Software": None})
        finally:
            plt.close(drawn)
