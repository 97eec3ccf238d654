"""Quality against time: which methods nothing beats at their speed, where a network pays off, where WMMSE wins."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from components.intervals import Interval, mean_ratio
from gfm_ra.goals import OBJECTIVES
from pipelines.reporting.plots import Figure, Row
from pipelines.reporting.results import Results
from pipelines.reporting.speed_quality_methods import GPU, POLISHED, REFERENCE, family, is_network


def points(
    latency: Sequence[dict[str, Any]],
    scores: dict[str, dict[str, list[float]]],
    trained: dict[tuple[str, str, str], Interval],
    links: dict[str, int],
    seed: int,
) -> list[Row]:
    """A row per objective, scenario, batch size and method: milliseconds, ratio with interval, on the front or not.

    Args:
        latency: rows of stage speed_quality.
        scores: its scores, "scenario/objective" -> method -> [N].
        trained: ratios of methods that were fine-tuned, by scenario, objective and method.
        links: K of every scenario.
        seed: of the bootstrap.
    """
    ratios = dict(trained)
    for place, by_method in scores.items():
        scenario, objective = place.split("/")
        under = [[np.array(by_method[REFERENCE])]]
        for method, values in by_method.items():
            ratios[scenario, objective, method] = mean_ratio([[np.array(values)]], under, seed)
    rows: list[Row] = []
    for timed in latency:
        for objective in OBJECTIVES if timed["objective"] is None else (timed["objective"],):
            plain = timed["method"].removesuffix(GPU)
            found = ratios.get((timed["scenario"], objective, plain))
            if found is not None:
                value, low, high = (round(float(number), 5) for number in found)
                rows.append(
                    {
                        "objective": objective, "scenario": timed["scenario"], "links": links[timed["scenario"]],
                        "batch": timed["batch"], "method": timed["method"], "ms": round(timed["ms"], 5),
                        "value": value, "low": low, "high": high,
                    }
                )  # fmt: skip
    for row in rows:
        row["front"] = not any(_beats(other, row) for other in rows if _rivals(other, row))
    return rows


def _rivals(one: Row, other: Row) -> bool:
    same = ("objective", "scenario", "batch")
    # What a GPU takes is shown, but is no rival of what one thread takes.
    alike = one["method"].endswith(GPU) == other["method"].endswith(GPU)
    return one is not other and alike and all(one[key] == other[key] for key in same)


def _beats(one: Row, other: Row) -> bool:
    """At least as good and at least as fast, and better in one of the two."""
    no_worse = one["value"] >= other["value"] and one["ms"] <= other["ms"]
    return no_worse and (one["value"] > other["value"] or one["ms"] < other["ms"])


def findings(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """For every objective, K and batch size: the best network, and the fastest classical method that is as good.

    A network pays off if no classical method reaches the low end of its interval in its time.
    """
    found = []
    for objective in OBJECTIVES:
        places = sorted({(row["batch"], row["links"]) for row in rows if row["objective"] == objective})
        for batch, links in places:
            here = [
                row for row in rows
                if (row["objective"], row["batch"], row["links"]) == (objective, batch, links)
                and not row["method"].endswith(GPU)
            ]  # fmt: skip
            networks = [row for row in here if is_network(row["method"])]
            classical = [row for row in here if not is_network(row["method"])]
            paying = [
                row for row in networks
                if not any(c["value"] >= row["low"] and c["ms"] <= row["ms"] for c in classical)
            ]  # fmt: skip
            best = max(paying, key=lambda row: row["value"], default=None)
            as_good = min(
                (c for c in classical if best is not None and c["value"] >= best["low"]),
                key=lambda row: row["ms"], default=None,
            )  # fmt: skip
            strongest = max(classical, key=lambda row: row["value"])
            found.append(
                {
                    "objective": objective, "links": links, "batch": batch, "pays": best is not None,
                    "network": _short(best), "as_good": _short(as_good), "strongest": _short(strongest),
                    "fastest_paying": _short(min(paying, key=lambda row: row["ms"], default=None)),
                }
            )  # fmt: skip
    return found


def _short(row: Row | None) -> dict[str, Any] | None:
    return None if row is None else {key: row[key] for key in ("method", "ms", "value")}


def figure(rows: Sequence[Row], objective: str, batch: int) -> Figure:
    """Ratio against milliseconds, a panel per K."""
    shown: list[Row] = []
    for row in rows:
        if (row["objective"], row["batch"]) == (objective, batch) and row["value"] > 0:
            shown.append(
                {
                    "panel": f"K = {row['links']}", "series": family(row["method"]), "x": row["ms"],
                    "value": row["value"], "low": row["low"], "high": row["high"], "method": row["method"],
                }
            )  # fmt: skip
    shown.sort(key=lambda row: int(row["panel"].split()[-1]))
    size = "one network at a time" if batch == 1 else f"batches of {batch}"
    return Figure(
        f"frontier-{objective}-batch{batch}", f"Frontier: {objective} against time, {size}, one thread",
        "ms per network", "ratio to the best WMMSE for it", "points", shown, logarithmic=True,
    )  # fmt: skip


def trained_ratios(
    results: Results, arms: dict[str, Any], scenarios: Sequence[str]
) -> dict[tuple[str, str, str], Interval]:
    """Ratios of fine-tuned methods to the strong reference, plain and polished, by scenario, objective and method."""
    found: dict[tuple[str, str, str], Interval] = {}
    for method, by_objective in arms.items():
        for arm in by_objective:
            for scenario in scenarios:
                under = results.reference(arm.objective, f"best-{arm.objective}", "score", [scenario])
                for label, column in ((method, "score"), (f"{method}{POLISHED}", "polished")):
                    try:
                        values = results.column(arm, column, [scenario])
                    except KeyError:  # evaluated on other scenarios only
                        continue
                    ratio = results.ratio(values, under)
                    if ratio is not None:
                        found[scenario, arm.objective, label] = ratio
    return found
