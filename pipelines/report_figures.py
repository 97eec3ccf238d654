"""The report's figures; each function draws one PNG from values that the metrics files hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow.dataset import field

from components.evaluation import MODEL
from pipelines.figures import COLOURS, figure

LABELS = {
    MODEL: "GFM-RA, fine-tuned",
    "wmmse": "sum-rate WMMSE, 1 start",
    "best-sum-rate": "sum-rate WMMSE-Best",
    "fplinq": "FPLinQ",
    "full-reuse": "full reuse",
}
UNITS = {"sum-rate": "sum rate", "proportional-fair": "geometric mean of rates", "qos": "QoS utility"}


def ratios(path: Path, evaluation: dict[str, Any]) -> None:
    """Bars with intervals: every method over the strong reference, one panel per objective."""
    with figure(path, panels=len(evaluation), height=3.8) as axes:
        for axis, (objective, scenarios) in zip(axes, evaluation.items(), strict=True):
            for number, method in enumerate(LABELS):
                value, low, high = np.array([scenarios[name][method]["to_strong"] for name in scenarios]).T
                where = np.arange(len(scenarios)) + (number - (len(LABELS) - 1) / 2) * 0.8 / len(LABELS)
                axis.bar(
                    where, value, 0.8 / len(LABELS), yerr=[value - low, high - value],
                    label=LABELS[method], color=COLOURS[number], error_kw={"elinewidth": 1},
                )  # fmt: skip
            axis.axhline(1.0, color="black", linewidth=1, linestyle="--")
            axis.set_xticks(range(len(scenarios)), list(scenarios))
            axis.set_title(f"{UNITS[objective]} / best of WMMSE for it", fontsize=10)
        handles, labels = axes[0].get_legend_handles_labels()
        axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=len(LABELS), fontsize=8)


def pretraining(path: Path, history: dict[str, np.ndarray], floor: float) -> None:
    """Edge error beside what predicting the mean gives and the floor; effective rank; consistency."""
    epochs = history["epoch"] + 1
    with figure(path, panels=3) as axes:
        axes[0].plot(epochs, history["edge_rmse_db"], label="model")
        axes[0].plot(epochs, history["mean_predictor_rmse_db"], "--", label="predict the mean")
        axes[0].axhline(floor, color="black", linestyle=":", label="shadowing and fading alone")
        axes[0].set_ylabel("masked edge RMSE, dB")
        axes[0].legend(fontsize=8)
        axes[1].plot(epochs, history["effective_rank"])
        axes[1].set_ylabel("effective rank of embeddings")
        axes[1].set_ylim(bottom=0)
        axes[2].plot(epochs, history["validation_consistency_loss"])
        axes[2].set_ylabel("consistency loss (12)")
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
    """Distribution over snapshots of GFM-RA's score over the strong reference's, per scenario."""
    objectives = scores["objective"].unique().to_pylist()
    with figure(path, panels=len(objectives)) as axes:
        for axis, objective in zip(axes, objectives, strict=True):
            part = scores.filter(field("objective") == objective)
            for scenario in part["scenario"].unique().to_pylist():
                here = part.filter(field("scenario") == scenario)
                model, strong = (_values(here, method) for method in (MODEL, f"best-{objective}"))
                ratio = np.sort(model / np.where(strong == 0, np.nan, strong))
                axis.plot(ratio, (np.arange(len(ratio)) + 1) / len(ratio), label=scenario)
            axis.axvline(1.0, color="black", linewidth=1, linestyle="--")
            axis.set_xlim(*_window(axis.get_lines()))
            axis.set_title(f"{UNITS[objective]}: GFM-RA / best WMMSE", fontsize=10)
            axis.set_xlabel("ratio on one snapshot")
        axes[0].set_ylabel("share of snapshots")
        axes[0].legend(fontsize=8)


def _values(table: pa.Table, method: str) -> np.ndarray:
    return table.filter(field("method") == method)["score"].to_numpy()


def _window(lines: list[Any]) -> tuple[float, float]:
    ends = [np.nanquantile(line.get_xdata(), [0.01, 0.99]) for line in lines if len(line.get_xdata()) > 2]
    return float(min(end[0] for end in ends)) - 0.02, float(max(end[1] for end in ends)) + 0.02
