"""The report's figures; each function draws one PNG from values that the metrics files hold."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.lines import Line2D
from pyarrow.dataset import field

from components.channel.worlds.distribution import FAMILIES
from components.evaluation.scores import MODEL, POLISHED, PROMPTED
from gfm_ra.goals import OBJECTIVES
from pipelines.reporting.style import COLOURS, figure

LABELS = {
    PROMPTED: "prompted, one pass",
    POLISHED: "prompted + WMMSE iterations",
    MODEL: "fine-tuned head",
    "wmmse": "sum-rate WMMSE, 1 start",
    "best-sum-rate": "sum-rate WMMSE-Best",
    "fplinq": "FPLinQ",
    "full-reuse": "full reuse",
}
UNITS = {"sum-rate": "sum rate", "proportional-fair": "geometric mean of rates", "qos": "QoS utility"}
MISSING: dict[str, dict[str, Any]] = {
    "zero-shot": {"linestyle": "-", "marker": "o", "markersize": 4},
    "imputed-wmmse": {"linestyle": "--", "marker": "s", "markersize": 4, "markerfacecolor": "white"},
}
ADVANTAGE = "advantage_"  # how a pre-training history names the utility gained over full reuse
RATIO = "ratio_"  # how the unrolled network's history names ratios to one WMMSE run


def ratios(path: Path, evaluation: dict[str, Any]) -> None:
    """Bars with intervals: every method over the strong reference, one panel per objective."""
    width = 0.84 / len(LABELS)
    with figure(path, panels=len(evaluation), height=3.9) as axes:
        for axis, (objective, scenarios) in zip(axes, evaluation.items(), strict=True):
            for number, (method, label) in enumerate(LABELS.items()):
                value, low, high = _columns(table[method].get("to_strong") for table in scenarios.values())
                where = np.arange(len(scenarios)) + (number - (len(LABELS) - 1) / 2) * width
                axis.bar(
                    where, value, width, yerr=[value - low, high - value],
                    label=label, color=COLOURS[number], error_kw={"elinewidth": 1},
                )  # fmt: skip
            axis.axhline(1.0, color="black", linewidth=1, linestyle="--")
            axis.set_xticks(range(len(scenarios)), list(scenarios))
            axis.set_title(f"{UNITS[objective]} / best of WMMSE for it", fontsize=10)
        handles, labels = axes[0].get_legend_handles_labels()
        axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=len(LABELS), fontsize=8)


def missing(path: Path, found: dict[str, Any]) -> None:
    """Ratio against the share of hidden pairs, model and WMMSE on filled-in gains, one panel per objective."""
    scenarios = list(found[OBJECTIVES[0]])
    with figure(path, panels=len(OBJECTIVES), height=3.9) as axes:
        for axis, objective in zip(axes, OBJECTIVES, strict=True):
            for number, scenario in enumerate(scenarios):
                by_share = sorted(found[objective][scenario].items(), key=lambda item: float(item[0]))
                # Side by side, so that intervals do not cover each other.
                shift = 0.5 * (number - (len(scenarios) - 1) / 2)
                where = np.array([100.0 * float(share) + shift for share, _ in by_share])
                for method, style in MISSING.items():
                    value, low, high = _columns(entry[method] for _, entry in by_share)
                    ends = [value - low, high - value]
                    axis.errorbar(where, value, ends, color=COLOURS[number], capsize=2, **style)
            axis.axhline(1.0, color="black", linewidth=1, linestyle=":")
            axis.set_title(f"{UNITS[objective]} / best of WMMSE\nthat knows every gain", fontsize=10)
            axis.set_xlabel("hidden pairs of links, %")
        handles = [
            *(Line2D([], [], color=COLOURS[number], label=name) for number, name in enumerate(scenarios)),
            Line2D([], [], color="black", label="prompted model", **MISSING["zero-shot"]),
            Line2D([], [], color="black", label="WMMSE on filled-in gains", **MISSING["imputed-wmmse"]),
        ]
        axes[0].figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)


def _columns(entries: Iterable[Sequence[float] | None]) -> np.ndarray:
    """Values, low and high ends, [3, N]; NaN where there is no ratio."""
    return np.array([entry or (np.nan,) * 3 for entry in entries]).T


def pretraining(path: Path, history: dict[str, np.ndarray], floor: float) -> None:
    """Algorithm 1: edge error with its yardsticks, effective rank, consistency."""
    epochs = history["epoch"] + 1
    with figure(path, panels=3) as axes:
        axes[0].plot(epochs, history["edge_rmse_db"], label="model")
        axes[0].plot(epochs, history["mean_predictor_rmse_db"], "--", label="predict the mean")
        axes[0].axhline(floor, color="black", linestyle=":", label="shadowing and fading alone")
        axes[0].set_ylabel("masked edge RMSE, dB")
        axes[0].legend(fontsize=8)
        axes[1].plot(epochs, history["effective_rank"])
        axes[1].set_ylabel("effective rank of embeddings")
        axes[1].set_ylim(0.0, 1.1 * history["effective_rank"].max())
        axes[2].plot(epochs, history["validation_consistency_loss"])
        axes[2].set_ylabel("consistency loss (12)")
        for axis in axes:
            axis.set_xlabel("epoch")


def worlds_training(path: Path, history: dict[str, np.ndarray]) -> None:
    """The unrolled network: training loss, and ratios to one WMMSE run per goal and per family of worlds."""
    epochs = history["epoch"] + 1
    names = [name for name in history if name.startswith(RATIO)]
    families = [name for name in names if name.removeprefix(RATIO) in FAMILIES]
    with figure(path, panels=3) as axes:
        axes[0].plot(epochs, history["train_loss"])
        axes[0].set_ylabel("training loss")
        for axis, shown in ((axes[1], [n for n in names if n not in families]), (axes[2], families)):
            for name in shown:
                axis.plot(epochs, history[name], label=name.removeprefix(RATIO).replace("_", " "))
            axis.axhline(1.0, color="black", linewidth=1, linestyle=":")
            axis.set_ylabel("ratio to one WMMSE run")
            axis.legend(fontsize=8)
        for axis in axes:
            axis.set_xlabel("epoch")


def finetuning(path: Path, curves: dict[str, dict[str, np.ndarray]]) -> None:
    """Utility per link against epochs, training and validation, one panel per objective."""
    with figure(path, panels=len(curves)) as axes:
        for axis, (objective, history) in zip(axes, curves.items(), strict=True):
            axis.plot(history["epoch"], history["train_utility_per_link"], label="training")
            axis.plot(history["epoch"], history["validation_utility_per_link"], label="validation")
            axis.set_title(objective, fontsize=10)
            axis.set_xlabel("epoch")
        axes[0].set_ylabel("utility per link")
        axes[0].legend(fontsize=8)


def distributions(path: Path, scores: pa.Table) -> None:
    """Distribution over snapshots of the zero-shot score over the strong reference's, per scenario."""
    with figure(path, panels=len(OBJECTIVES)) as axes:
        for axis, objective in zip(axes, OBJECTIVES, strict=True):
            part = scores.filter(field("objective") == objective)
            for scenario in part["scenario"].unique().to_pylist():
                here = part.filter(field("scenario") == scenario)
                model, strong = (_values(here, method) for method in (PROMPTED, f"best-{objective}"))
                ratio = np.sort(model / np.where(strong == 0, np.nan, strong))
                axis.plot(ratio, (np.arange(len(ratio)) + 1) / len(ratio), label=scenario)
            axis.axvline(1.0, color="black", linewidth=1, linestyle="--")
            axis.set_xlim(*_window(axis.get_lines()))
            axis.set_title(f"{UNITS[objective]}: zero-shot / best WMMSE", fontsize=10)
            axis.set_xlabel("ratio on one snapshot")
        axes[0].set_ylabel("share of snapshots")
        axes[0].legend(fontsize=8)


def _values(table: pa.Table, method: str) -> np.ndarray:
    return table.filter(field("method") == method)["score"].to_numpy()


def _window(lines: list[Any]) -> tuple[float, float]:
    ends = [np.nanquantile(line.get_xdata(), [0.01, 0.99]) for line in lines if len(line.get_xdata()) > 2]
    return float(min(end[0] for end in ends)) - 0.02, float(max(end[1] for end in ends)) + 0.02
