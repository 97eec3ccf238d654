"""Plots of a sweep: the downstream ratio against each parameter."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.figures import figure


def parameters(row: dict[str, int]) -> int:
    """Weights of the layers, 6 L d^2, the count that the paper quotes."""
    return 6 * row["layers"] * row["width"] ** 2


def draw(table: pa.Table, folder: Path) -> None:
    """Write ratio.png: every finished trial, and the mean per value, against rho, lambda and model size."""
    rows = [row for row in table.to_pylist() if row["few_shot_ratio"] is not None]
    scores = np.array([row["few_shot_ratio"] for row in rows])
    views = [
        ("mask ratio rho", np.array([row["mask_ratio"] for row in rows])),
        ("consistency weight lambda", np.array([row["consistency_weight"] for row in rows])),
        ("layer weights 6 L d^2, millions", np.array([parameters(row) / 1e6 for row in rows])),
    ]
    with figure(folder / "ratio.png", panels=len(views)) as axes:
        for axis, (label, values) in zip(axes, views, strict=True):
            levels = np.unique(values)
            axis.plot(values, scores, "o", alpha=0.5, label="trial")
            axis.plot(levels, [scores[values == level].mean() for level in levels], "-", label="mean")
            axis.set_xlabel(label)
        axes[0].set_ylabel("few-shot ratio to WMMSE-Best")
        axes[0].legend()
