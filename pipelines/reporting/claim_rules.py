"""The rules for the paper's claims: one function each, from figures to what was measured and a status.

"Clear" means that intervals do not overlap.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from pipelines.reporting.paper_figures import IMPUTED_NAME, ZERO_SHOT, curve
from pipelines.reporting.plots import Figure, Row, panels, series

HOLDS, PARTLY, FAILS, UNKNOWN = "holds", "holds in part", "does not hold", "not measured"
FEW, HALF = 64, 50.0  # samples, per cent of pairs hidden
Figures = dict[str, Figure]
Finding = tuple[str, str]  # what was measured, status


def _text(row: Row) -> str:
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _range(rows: Sequence[Row]) -> str:
    values = [row["value"] for row in rows]
    return f"{min(values):.3f} to {max(values):.3f}"


def _graded(value: float, holds: float, partly: float) -> str:
    return HOLDS if value >= holds else PARTLY if value >= partly else FAILS


def _all(checks: Sequence[bool]) -> str:
    return UNKNOWN if not checks else HOLDS if all(checks) else PARTLY if any(checks) else FAILS


def _adapted(figure: Figure) -> str | None:
    """The label of the head with the most samples."""
    return next((name for name in series(figure.rows) if name.startswith("GFM-RA, ")), None)


def _pcgnn(figure: Figure) -> list[str]:
    """PCGNN's labels, fewest samples first."""
    return [name for name in series(figure.rows) if name.startswith("PCGNN")]


def _panel(figure: Figure, start: str) -> str:
    return next((panel for panel in panels(figure.rows) if panel.startswith(start)), "")


def _fewest(rows: dict[float, Row]) -> Row | None:
    return rows.get(FEW) or (rows[min(rows)] if rows else None)


def sum_rate_matches(figures: Figures) -> Finding:
    """Figure 4(a)."""
    figure = figures["figure4"]
    rows = list(curve(figure, _panel(figure, "sum rate"), _adapted(figure) or "").values())
    if not rows:
        return "–", UNKNOWN
    return _range(rows), _graded(min(row["value"] for row in rows), 0.99, 0.95)


def beats_pcgnn(figures: Figures) -> Finding:
    """Figure 4: as many samples, every objective and every K."""
    figure = figures["figure4"]
    labels = _pcgnn(figure)
    if not labels:
        return "–", UNKNOWN
    ours, theirs = (_cells(figure, name) for name in (_adapted(figure) or "", labels[0]))
    shared = [cell for cell in ours if cell in theirs]
    wins = [ours[cell]["value"] > theirs[cell]["value"] for cell in shared]
    parts = f"better in {sum(wins)} of {len(wins)} cells"
    if shared:
        worst = min(shared, key=lambda cell: ours[cell]["value"] - theirs[cell]["value"])
        pair = f"{ours[worst]['value']:.3f} against {theirs[worst]['value']:.3f}"
        parts += f"; least so for {worst[0]}, {worst[1]}: {pair}"
    return parts, _all(wins)


def _cells(figure: Figure, name: str) -> dict[tuple[str, Any], Row]:
    """By objective and x; of an objective's panels the last, whose reference is the stronger one."""
    last = {panel.partition(" / ")[0]: panel for panel in panels(figure.rows)}
    return {
        (row["panel"].partition(" / ")[0], row["x"]): row
        for row in figure.rows
        if row["series"] == name and row["panel"] in last.values()
    }


def _clearly(checks: Sequence[tuple[Row, Row]]) -> str:
    """Whether one is better than the other: clearly so in every pair, or only in part."""
    if not checks:
        return UNKNOWN
    if all(better["low"] > worse["high"] for better, worse in checks):
        return HOLDS
    return PARTLY if any(better["low"] > worse["high"] for better, worse in checks) else FAILS


def pcgnn_saturates(figures: Figures) -> Finding:
    """Figure 4: ten times the samples."""
    figure = figures["figure4"]
    labels = _pcgnn(figure)
    if len(labels) < 2:
        return "–", UNKNOWN
    few, many = _cells(figure, labels[0]), _cells(figure, labels[-1])
    gains = [many[cell]["value"] - few[cell]["value"] for cell in few if cell in many]
    parts = f"between {min(gains):+.3f} and {max(gains):+.3f} of the best WMMSE"
    most, mean = max(map(abs, gains)), abs(sum(gains) / len(gains))
    return parts, HOLDS if most < 0.01 else PARTLY if mean < 0.02 else FAILS


def qos_ratio(figures: Figures) -> Finding:
    """Figure 4(c), the largest K."""
    figure = figures["figure4"]
    panel = _panel(figure, "QoS utility / WMMSE-Best")
    rows = list(curve(figure, panel, _adapted(figure) or "").values())
    if not rows:
        return "–", UNKNOWN
    zero_shot = list(curve(figure, panel, ZERO_SHOT).values())
    if rows[-1]["x"] != "K = 80":
        return "–", UNKNOWN
    parts = f"{rows[-1]['x']}: {_text(rows[-1])}"
    parts += f"; prompted, zero-shot {_text(zero_shot[-1])}" if zero_shot else ""
    return parts, _graded(rows[-1]["value"], 2.9, 2.0)


def at_half(objective: str, holds: float, partly: float) -> Callable[[Figures], Finding]:
    """The rule that half of the pairs hidden leave at least so much of the ratio."""

    def check(figures: Figures) -> Finding:
        figure = figures["figure5"]
        panel = _panel(figure, objective)
        head = curve(figure, panel, _adapted(figure) or "").get(HALF)
        if head is None:
            return "–", UNKNOWN
        parts = f"adapted head {_text(head)}"
        for name in (ZERO_SHOT, IMPUTED_NAME):
            row = curve(figure, panel, name).get(HALF)
            parts += f"; {name.removeprefix('GFM-RA ')} {_text(row)}" if row else ""
        return parts, _graded(head["value"], holds, partly)

    return check


def robust(figures: Figures) -> Finding:
    """Figure 5: better than PCGNN at every share of every objective."""
    figure = figures["figure5"]
    ours = _cells(figure, _adapted(figure) or "")
    wins = [
        ours[cell]["value"] > row["value"]
        for name in _pcgnn(figure)
        for cell, row in _cells(figure, name).items()
        if cell in ours and cell[1] > 0
    ]
    return f"better in {sum(wins)} of {len(wins)} cells", _all(wins)


def few_samples(figures: Figures) -> Finding:
    """Figure 6 with 64 samples, by either recipe."""
    figure = figures["figure6"]
    panel, parts, advantages, best = _panel(figure, ""), [], [], 0.0
    for recipe, label in (("", "tuned alike"), (", the paper's recipe", "the paper's recipe")):
        tuned, scratch = (
            _fewest(curve(figure, panel, start + recipe)) for start in ("pre-trained", "from scratch")
        )
        if tuned is None or scratch is None:
            continue
        parts.append(f"{label}: {_text(tuned)} against {_text(scratch)}")
        advantages.append(tuned["low"] > scratch["high"])
        best = max(best, tuned["value"])
    if not parts:
        return "–", UNKNOWN
    status = HOLDS if best >= 0.945 and all(advantages) else PARTLY if any(advantages) else FAILS
    return "; ".join(parts), status


def fair_few_samples(figures: Figures) -> Finding:
    """Figure 7 with 64 samples."""
    figure = figures["figure7"]
    rows = {
        name: _fewest(curve(figure, _panel(figure, ""), name)) for name in ("pre-trained", "from scratch")
    }
    tuned, scratch = rows.values()
    if tuned is None or scratch is None:
        return "–", UNKNOWN
    return f"{_text(tuned)}; from scratch {_text(scratch)}", _graded(tuned["value"], 0.92, 0.9)


def protects(figures: Figures) -> Finding:
    """Figure 8: sum rate kept, weak links lifted."""
    figure = figures["figure8"]
    rate, weak = _panel(figure, "sum rate"), _panel(figure, "mean rate")
    ours = [curve(figure, panel, "pre-trained") for panel in (rate, weak)]
    best = list(curve(figure, weak, "WMMSE-Best").values())
    if not ours[0] or not ours[1] or not best:
        return "–", UNKNOWN
    kept, lifted = (rows[max(rows)] for rows in ours)
    parts = f"{_text(kept)} of the sum rate; links below Rmin get {_text(lifted)} "
    parts += f"instead of {best[0]['value']:.3f} bit/s/Hz"
    return parts, _all([0.8 <= kept["value"] <= 1.0, lifted["low"] > best[0]["high"]])


def learns_faster(figures: Figures) -> Finding:
    """Figure 8: scratch gains little from samples, the pre-trained model much."""
    figure = figures["figure8"]
    panel = _panel(figure, "QoS utility")
    curves = [curve(figure, panel, name) for name in ("pre-trained", "from scratch")]
    if not all(len(rows) > 1 for rows in curves):
        return "–", UNKNOWN
    gains = [rows[max(rows)]["value"] - rows[min(rows)]["value"] for rows in curves]
    ends = [rows[max(rows)] for rows in curves]
    parts = f"gain by samples {gains[0]:+.3f}, from scratch {gains[1]:+.3f}; "
    parts += f"in the end {_text(ends[0])} and {_text(ends[1])}"
    return parts, _all([gains[0] > gains[1], ends[0]["low"] > ends[1]["high"]])


def grows_with_size(figures: Figures) -> Finding:
    """Figure 9: monotone for every number of samples."""
    figure = figures["figure9"]
    checks, parts = [], []
    for name in series(figure.rows):
        rows = [row for row in figure.rows if row["series"] == name]
        checks += [(b, a) for a, b in pairwise(rows)]
        parts.append(f"{name}: {' → '.join(_text(row) for row in rows)}")
    return "; ".join(parts) or "–", _clearly(checks)


def middle_ratio_best(figures: Figures) -> Finding:
    """Figure 10: rho = 0.3 at every share."""
    figure = figures["figure10"]
    checks: list[tuple[Row, Row]]
    by_share: dict[float, dict[str, Row]] = {}
    for row in figure.rows:
        by_share.setdefault(row["x"], {})[row["series"].split()[-1]] = row
    checks, parts = [], []
    for share, rows in by_share.items():
        if share == 0.0 or "0.3" not in rows:
            continue
        others = [row for name, row in rows.items() if name != "0.3"]
        checks += [(rows["0.3"], row) for row in others]
        parts.append(
            f"{share:g} % hidden: " + ", ".join(f"{name}: {_text(row)}" for name, row in sorted(rows.items()))
        )
    return "; ".join(parts) or "–", _clearly(checks)


def generative_matters(figures: Figures) -> Finding:
    """Figure 11: from scratch to edge prediction, against the whole gain."""
    names = ("from scratch", "generative", "hybrid")
    first, second, both = (_fewest(_ablation(figures, name)) for name in names)
    if first is None or second is None or both is None:
        return "–", UNKNOWN
    gain, whole = second["value"] - first["value"], both["value"] - first["value"]
    most = gain > 0.0 and gain >= 0.5 * whole
    clear = second["low"] > first["high"]
    status = HOLDS if most and gain >= 0.05 else PARTLY if most and clear else FAILS
    return f"{_text(first)} → {_text(second)}; hybrid {_text(both)}", status


def hybrid_best(figures: Figures) -> Finding:
    """Figure 11: hybrid against generative alone at every number of samples."""
    hybrid, generative = (_ablation(figures, name) for name in ("hybrid", "generative"))
    shared = sorted(set(hybrid) & set(generative))
    parts = [f"{x:g}: {_text(hybrid[x])} against {_text(generative[x])}" for x in shared]
    return "; ".join(parts) or "–", _clearly([(hybrid[x], generative[x]) for x in shared])


def _ablation(figures: Figures, name: str) -> dict[float, Row]:
    figure = figures["figure11"]
    return curve(figure, _panel(figure, ""), name)


def zero_shot_wins(figures: Figures) -> Finding:
    """Ours: the prompted model against the best WMMSE for each objective."""
    figure, parts, checks = figures["figure4"], [], []
    for panel in panels(figure.rows):
        rows = list(curve(figure, panel, ZERO_SHOT).values())
        if rows and ("best WMMSE" in panel or panel.startswith("sum rate")):
            parts.append(f"{panel.partition(' / ')[0]} {_range(rows)}")
            checks += [row["value"] >= 1.0 for row in rows]
    return "; ".join(parts) or "–", _all(checks)


def zero_shot_beats_heads(figures: Figures) -> Finding:
    """Ours: no sample against the most samples."""
    figure = figures["figure4"]
    ours, heads = _cells(figure, ZERO_SHOT), _cells(figure, _adapted(figure) or "")
    gains = [ours[cell]["value"] - heads[cell]["value"] for cell in ours if cell in heads]
    if not gains:
        return "–", UNKNOWN
    return f"by {min(gains):.3f} to {max(gains):.3f}", _all([gain > 0 for gain in gains])


def zero_shot_robust(figures: Figures) -> Finding:
    """Ours: half of the pairs hidden, against WMMSE on imputed gains."""
    figure, parts, checks = figures["figure5"], [], []
    for panel in panels(figure.rows):
        ours, theirs = (curve(figure, panel, name).get(HALF) for name in (ZERO_SHOT, IMPUTED_NAME))
        if ours and theirs:
            parts.append(f"{panel}: {_text(ours)} against {_text(theirs)}")
            checks.append(ours["low"] > theirs["high"])
    return "; ".join(parts) or "–", _all(checks)
