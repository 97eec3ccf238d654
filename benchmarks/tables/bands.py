"""Tables of bands and budgets, from `python -m benchmarks.bands --out`."""

from collections.abc import Iterator
from typing import Any

from dags.readme import markdown_table
from gfm_ra.inference.comparison import EFFORTS

ON_OFF = "on-off"
REFERENCES = {
    "balanced without the network": "balanced without the network",
    "WMMSE, 1 start": "WMMSE, 1 start",
    "iterative water-filling": "water-filling",
    "water-filling, one per cell": "water-filling, one user per cell and band",
    "proportional-fair scheduling": "PF scheduling",
    "equal split": "equal split",
}
"""Methods by the name in the file, and what their column is called."""
Found = dict[str, dict[str, list[dict[str, Any]]]]


def _goals(found: Found) -> Iterator[tuple[str, str, dict[str, dict[str, Any]]]]:
    for world, goals in found.items():
        for goal, rows in goals.items():
            if goal != ON_OFF:
                yield f"`{world}`", goal, {row["method"]: row for row in rows}


def efforts(found: Found) -> str:
    """Every effort over multi-channel WMMSE in the same time."""
    rows, named = [], []
    for world, goal, by_method in _goals(found):
        named = [effort for effort in EFFORTS if effort in by_method]
        cells = [_beside_wmmse(by_method[effort]) for effort in named]
        rows.append([world, goal, *cells])
    return markdown_table(["world", "goal", *named], rows)


def _beside_wmmse(row: dict[str, Any]) -> str:
    starts = row["against"].split(", ")[1]
    return f"{_interval(row)} of {starts}, {row['milliseconds']:.3g} ms"


def references(found: Found) -> str:
    """Other methods over multi-channel WMMSE in the time of `best`."""
    rows = [
        [world, goal, *(f"{by_method[name]['ratio']:.3f}" for name in REFERENCES)]
        for world, goal, by_method in _goals(found)
    ]
    return markdown_table(["world", "goal", *REFERENCES.values()], rows)


def on_off(found: Found) -> str:
    """Schedules over FPLinQ."""
    rows = []
    for world, goals in found.items():
        by_method = {row["method"]: row for row in goals[ON_OFF]}
        rows.append(
            [f"`{world}`", *(_interval(by_method[name]) for name in ("balanced, on and off", "schedule"))]
        )
    return markdown_table(["world", "`allocate`, balanced, made binary", "`schedule`"], rows)


def _interval(row: dict[str, Any]) -> str:
    return f"{row['ratio']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
