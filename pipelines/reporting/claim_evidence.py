"""What claims are judged by: rows of the figures, and the status that follows from comparing them.

"Clear" means that intervals do not overlap.
"""

from collections.abc import Sequence
from typing import Any

from pipelines.reporting.plots import Figure, Row, panels, series

HOLDS, PARTLY, FAILS, UNKNOWN = "holds", "holds in part", "does not hold", "not measured"
FEW, HALF = 64, 50.0  # samples, per cent of pairs hidden
Figures = dict[str, Figure]
Finding = tuple[str, str]  # what was measured, status


def with_interval(row: Row) -> str:
    """A value with its interval."""
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def span(rows: Sequence[Row]) -> str:
    """Least and largest value."""
    values = [row["value"] for row in rows]
    return f"{min(values):.3f} to {max(values):.3f}"


def graded(value: float, holds: float, partly: float) -> str:
    """Status of a value by what it must reach."""
    return HOLDS if value >= holds else PARTLY if value >= partly else FAILS


def status_of_all(checks: Sequence[bool]) -> str:
    """Status of checks that should all be true."""
    return UNKNOWN if not checks else HOLDS if all(checks) else PARTLY if any(checks) else FAILS


def adapted(figure: Figure) -> str | None:
    """The label of the head with the most samples."""
    return next((name for name in series(figure.rows) if name.startswith("GFM-RA, ")), None)


def pcgnn(figure: Figure) -> list[str]:
    """PCGNN's labels, fewest samples first."""
    return [name for name in series(figure.rows) if name.startswith("PCGNN")]


def panel_of(figure: Figure, start: str) -> str:
    """The first panel whose name begins so."""
    return next((panel for panel in panels(figure.rows) if panel.startswith(start)), "")


def fewest(rows: dict[float, Row]) -> Row | None:
    """The row with FEW samples, or with the fewest there are."""
    return rows.get(FEW) or (rows[min(rows)] if rows else None)


def cells(figure: Figure, name: str) -> dict[tuple[str, Any], Row]:
    """By objective and x; of an objective's panels the last, whose reference is the stronger one."""
    last = {panel.partition(" / ")[0]: panel for panel in panels(figure.rows)}
    return {
        (row["panel"].partition(" / ")[0], row["x"]): row
        for row in figure.rows
        if row["series"] == name and row["panel"] in last.values()
    }


def status_of_clear(checks: Sequence[tuple[Row, Row]]) -> str:
    """Whether one is better than the other: clearly so in every pair, or only in part."""
    if not checks:
        return UNKNOWN
    if all(better["low"] > worse["high"] for better, worse in checks):
        return HOLDS
    return PARTLY if any(better["low"] > worse["high"] for better, worse in checks) else FAILS
