"""Plots of a sweep: what the downstream ratio depends on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes

from components.evaluation.few_shot import FEW_SHOT, ZERO_SHOT, FewShotConfig, few_shot_name, hidden_name
from pipelines.reporting.power_law import fit_power_law
from pipelines.reporting.style import COLOURS, figure

Row = dict[str, Any]
LABELS = {
    "mask_ratio": "mask ratio rho",
    "consistency_weight": "consistency weight lambda",
    "utility_weight": "utility weight mu",
    "learning_rate": "learning rate",
    "parameters": "layer weights 6 L d^2, millions",
}
LOGARITHMIC = ("learning_rate", "parameters")
MOST_TICKS = 6  # values of a list, each with its own tick
REFERENCE = "WMMSE-Best"


def parameters(row: Row) -> int:
    """Weights of the layers, 6 L d^2, the count that the paper quotes."""
    return 6 * row["layers"] * row["width"] ** 2


def draw(table: pa.Table, folder: Path, config: FewShotConfig) -> None:
    """Write ratio.png, parallel.png and scaling.png, and the paper's figures 9 and 10 if they were asked for."""
    rows = [
        row | {"parameters": parameters(row) / 1e6} for row in table.to_pylist() if row[FEW_SHOT] is not None
    ]
    ratio(folder / "ratio.png", rows)
    parallel(folder / "parallel.png", rows)
    scaling(folder / "scaling.png", rows)
    if config.more_shots:
        samples(folder / "figure9.png", rows, config)
    if config.hidden:
        hidden(folder / "figure10.png", rows, config)


def varied(rows: Sequence[Row], always: Sequence[str] = ()) -> list[str]:
    """The parameters that differ between trials, and those that are wanted anyway."""
    return [name for name in LABELS if name in always or len({row[name] for row in rows}) > 1]


def ratio(path: Path, rows: Sequence[Row]) -> None:
    """Every finished trial, and the mean per value, against each parameter."""
    views = varied(rows, ("mask_ratio", "consistency_weight", "parameters"))
    scores = np.array([row[FEW_SHOT] for row in rows])
    with figure(path, panels=len(views)) as axes:
        for axis, name in zip(axes, views, strict=True):
            values = np.array([row[name] for row in rows])
            levels = np.unique(values)
            axis.plot(values, scores, "o", alpha=0.5, label="trial")
            axis.plot(levels, [scores[values == level].mean() for level in levels], "-", label="mean")
            axis.set_xlabel(LABELS[name])
            if name in LOGARITHMIC and len(levels) > 1:
                axis.set_xscale("log")
            if len(levels) <= MOST_TICKS:
                axis.minorticks_off()
                axis.set_xticks(levels, [f"{level:.3g}" for level in levels])
        axes[0].set_ylabel(f"few-shot ratio to {REFERENCE}")
        axes[-1].legend()


def parallel(path: Path, rows: Sequence[Row]) -> None:
    """Parallel coordinates: a line per trial over all varied parameters to its ratios, the better the darker."""
    names = [*varied(rows), FEW_SHOT]
    names += [ZERO_SHOT] if any(row[ZERO_SHOT] is not None for row in rows) else []
    shown = [*(LABELS[name] for name in names if name in LABELS), "few-shot ratio", "zero-shot ratio"][
        : len(names)
    ]
    scores = _unit([row[FEW_SHOT] for row in rows])
    positions = np.array([_unit([row[name] for row in rows]) for name in names]).T
    with figure(path, width=max(4.6, 1.7 * len(names)), height=3.8) as (axis,):
        for score, line in sorted(zip(scores, positions, strict=True), key=lambda pair: pair[0]):
            axis.plot(line, color=_shade(score), linewidth=1.6, marker="o", markersize=3)
        axis.set_xticks(range(len(names)), [text.replace(" ", "\n", 1) for text in shown], fontsize=8)
        axis.set_yticks([])
        axis.set_ylim(-0.12, 1.12)
        axis.margins(x=0.08)
        for index, name in enumerate(names):
            axis.axvline(index, color="0.6", linewidth=0.8, zorder=0)
            values = [row[name] for row in rows if row[name] is not None]
            for place, value, side in ((-0.03, min(values), "top"), (1.03, max(values), "bottom")):
                axis.text(index, place, f"{value:.4g}", ha="center", va=side, fontsize=8)


def _unit(values: Sequence[float | None]) -> np.ndarray:
    """Values on [0, 1]; what is missing stays missing, and what never varies stands in the middle."""
    found = np.array([np.nan if value is None else value for value in values], dtype=float)
    low, high = np.nanmin(found), np.nanmax(found)
    return np.where(np.isnan(found), np.nan, 0.5 if high == low else (found - low) / (high - low or 1.0))


def _shade(score: float) -> tuple[float, float, float, float]:
    """Light for the worst, dark blue for the best."""
    import matplotlib

    red, green, blue, alpha = matplotlib.colormaps["viridis_r"](0.1 + 0.9 * score)
    return float(red), float(green), float(blue), float(alpha)


def scaling(path: Path, rows: Sequence[Row]) -> None:
    """The gap to the reference against model size, with a power law through the best of each size."""
    sizes = np.array([row["parameters"] * 1e6 for row in rows])
    gaps = np.array([1.0 - row[FEW_SHOT] for row in rows])
    levels = np.unique(sizes)
    best = np.array([gaps[sizes == level].min() for level in levels])
    with figure(path) as (axis,):
        axis.plot(sizes, gaps, "o", alpha=0.35, label="trial")
        axis.plot(levels, best, "o", color=COLOURS[3], label="best of its size")
        law = fit_power_law(levels, best)
        if law is not None:
            line = np.geomspace(levels[0], levels[-1], 50)
            axis.plot(line, law(line), "--", color=COLOURS[3], label=f"{law.scale:.3g} N^{law.exponent:.3f}")
        if (gaps > 0).all():
            axis.set_xscale("log")
            axis.set_yscale("log")
        axis.minorticks_off()
        axis.set_xticks(levels, [f"{level:.3g}" for level in levels])
        low, high = gaps.min(), gaps.max()
        ticks = np.linspace(low, high, 4) if high > low else [low]
        axis.set_yticks(ticks, [f"{tick:.3f}" for tick in ticks])
        axis.set_xlabel("layer weights N = 6 L d^2")
        axis.set_ylabel(f"gap of the few-shot ratio to {REFERENCE}")
        axis.legend()


def samples(path: Path, rows: Sequence[Row], config: FewShotConfig) -> None:
    """The paper's figure 9: the mean ratio per model size against the number of samples."""
    shots = sorted({config.shots, *config.more_shots})
    with figure(path) as (axis,):
        for size in sorted({(row["layers"], row["width"]) for row in rows}):
            alike = [row for row in rows if (row["layers"], row["width"]) == size]
            means = [_mean(alike, few_shot_name(count, config)) for count in shots]
            axis.plot(shots, means, "o-", label=f"L = {size[0]}, d = {size[1]}")
        _finish(axis, "samples", "ratio after adaptation", shots)
        axis.set_xscale("log", base=2)
        axis.set_xticks(shots, [str(count) for count in shots])


def hidden(path: Path, rows: Sequence[Row], config: FewShotConfig) -> None:
    """The paper's figure 10: the mean ratio per pre-training mask ratio against the share hidden at inference."""
    with figure(path) as (axis,):
        for rho in sorted({row["mask_ratio"] for row in rows}):
            alike = [row for row in rows if row["mask_ratio"] == rho]
            means = [_mean(alike, hidden_name(share)) for share in config.hidden]
            axis.plot(config.hidden, means, "o-", label=f"pre-trained with rho = {rho:g}")
        _finish(axis, "share of pairs hidden at inference", "ratio after adaptation", config.hidden)


def _mean(rows: Sequence[Row], name: str) -> float:
    """Mean over the rows that have the value: what was stopped early was not evaluated in full."""
    values = [row[name] for row in rows if row[name] is not None]
    return float(np.mean(values)) if values else float("nan")


def _finish(axis: Axes, x: str, y: str, ticks: Sequence[float]) -> None:
    axis.set_xlabel(x)
    axis.set_ylabel(f"{y} to {REFERENCE}")
    axis.set_xticks(ticks)
    axis.legend()
