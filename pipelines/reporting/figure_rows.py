"""What the paper's figures have in common: their names for things, their rows, and how claims find them again."""

from collections.abc import Iterator
from typing import Any

from components.channel.masking import Masked
from components.evaluation.comparison import Training
from components.intervals import Interval
from pipelines.reporting.plots import Figure, Row

IMPUTED_NAME = "WMMSE on imputed gains"
BEST_FOR_IT = "best sum-rate run for it"  # the other reading of WMMSE-Best
ZERO_SHOT = "GFM-RA prompted, zero-shot"
MASKED: dict[Masked, str] = {"pairs": "pairs of links", "edges": "directed edges"}
READINGS: dict[str, dict[Masked, str]] = {
    name: {"pairs": name, "edges": f"{name}-edges"} for name in ("figure5", "figure10")
}
UNTRAINED = Training()


def row_of(
    panel: str,
    series: str,
    x: Any,  # noqa: ANN401
    found: Interval | None,
    runs: int,
    snapshots: int,
    training: Training = UNTRAINED,
) -> Iterator[Row]:
    """One row, or none without a value. Samples, updates and weights are three things: a row says all of them."""
    if found is not None:
        value, low, high = (round(float(number), 5) for number in found)
        yield {
            "panel": panel, "series": series, "x": x, "value": value, "low": low, "high": high,
            "runs": runs, "snapshots": snapshots, "updates": training.updates, "visits": training.visits,
            "weights": training.weights, "features": training.features,
        }  # fmt: skip


def curve(figure: Figure, panel: str, series: str) -> dict[float, Row]:
    """One series of a panel by x."""
    return {row["x"]: row for row in figure.rows if row["panel"] == panel and row["series"] == series}
