"""The rules for claims of this project beyond the paper's: the prompted model without any sample."""

from pipelines.reporting.claim_evidence import (
    HALF,
    UNKNOWN,
    Figures,
    Finding,
    adapted,
    cells,
    span,
    status_of_all,
    with_interval,
)  # fmt: skip
from pipelines.reporting.figure_rows import IMPUTED_NAME, ZERO_SHOT, curve
from pipelines.reporting.plots import panels


def zero_shot_wins(figures: Figures) -> Finding:
    """The prompted model against the best WMMSE for each objective."""
    figure, parts, checks = figures["figure4"], [], []
    for panel in panels(figure.rows):
        rows = list(curve(figure, panel, ZERO_SHOT).values())
        if rows and ("best WMMSE" in panel or panel.startswith("sum rate")):
            parts.append(f"{panel.partition(' / ')[0]} {span(rows)}")
            checks += [row["value"] >= 1.0 for row in rows]
    return "; ".join(parts) or "–", status_of_all(checks)


def zero_shot_beats_heads(figures: Figures) -> Finding:
    """No sample against the most samples."""
    figure = figures["figure4"]
    ours, heads = cells(figure, ZERO_SHOT), cells(figure, adapted(figure) or "")
    gains = [ours[cell]["value"] - heads[cell]["value"] for cell in ours if cell in heads]
    if not gains:
        return "–", UNKNOWN
    return f"by {min(gains):.3f} to {max(gains):.3f}", status_of_all([gain > 0 for gain in gains])


def zero_shot_robust(figures: Figures) -> Finding:
    """Half of the pairs hidden, against WMMSE on imputed gains."""
    figure, parts, checks = figures["figure5"], [], []
    for panel in panels(figure.rows):
        ours, theirs = (curve(figure, panel, name).get(HALF) for name in (ZERO_SHOT, IMPUTED_NAME))
        if ours and theirs:
            parts.append(f"{panel}: {with_interval(ours)} against {with_interval(theirs)}")
            checks.append(ours["low"] > theirs["high"])
    return "; ".join(parts) or "–", status_of_all(checks)
