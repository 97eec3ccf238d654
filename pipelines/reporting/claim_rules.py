"""The rules for the paper's claims: one function each, from figures to what was measured and a status.

Those for this project's own claims are in `own_claim_rules`.
"""

from collections.abc import Callable
from itertools import pairwise

from components.channel.masking import Masked
from pipelines.reporting.claim_evidence import (
    FAILS,
    HALF,
    HOLDS,
    PARTLY,
    UNKNOWN,
    Figures,
    Finding,
    adapted,
    cells,
    fewest,
    graded,
    panel_of,
    pcgnn,
    span,
    status_of_all,
    status_of_clear,
    with_interval,
)
from pipelines.reporting.figure_rows import IMPUTED_NAME, READINGS, ZERO_SHOT, curve
from pipelines.reporting.plots import Row, series


def sum_rate_matches(figures: Figures) -> Finding:
    """Figure 4(a)."""
    figure = figures["figure4"]
    rows = list(curve(figure, panel_of(figure, "sum rate"), adapted(figure) or "").values())
    if not rows:
        return "–", UNKNOWN
    return span(rows), graded(min(row["value"] for row in rows), 0.99, 0.95)


def beats_pcgnn(figures: Figures) -> Finding:
    """Figure 4: as many samples, every objective and every K."""
    figure = figures["figure4"]
    labels = pcgnn(figure)
    if not labels:
        return "–", UNKNOWN
    ours, theirs = (cells(figure, name) for name in (adapted(figure) or "", labels[0]))
    shared = [cell for cell in ours if cell in theirs]
    wins = [ours[cell]["value"] > theirs[cell]["value"] for cell in shared]
    parts = f"better in {sum(wins)} of {len(wins)} cells"
    if shared:
        worst = min(shared, key=lambda cell: ours[cell]["value"] - theirs[cell]["value"])
        pair = f"{ours[worst]['value']:.3f} against {theirs[worst]['value']:.3f}"
        parts += f"; least so for {worst[0]}, {worst[1]}: {pair}"
    return parts, status_of_all(wins)


def pcgnn_saturates(figures: Figures) -> Finding:
    """Figure 4: ten times the samples."""
    figure = figures["figure4"]
    labels = pcgnn(figure)
    if len(labels) < 2:
        return "–", UNKNOWN
    few, many = cells(figure, labels[0]), cells(figure, labels[-1])
    gains = [many[cell]["value"] - few[cell]["value"] for cell in few if cell in many]
    parts = f"between {min(gains):+.3f} and {max(gains):+.3f} of the best WMMSE"
    most, mean = max(map(abs, gains)), abs(sum(gains) / len(gains))
    return parts, HOLDS if most < 0.01 else PARTLY if mean < 0.02 else FAILS


def qos_ratio(reference: str) -> Callable[[Figures], Finding]:
    """The rule of figure 4(c), the largest K, over a reference."""

    def check(figures: Figures) -> Finding:
        figure = figures["figure4"]
        panel = panel_of(figure, f"QoS utility / {reference}")
        rows = list(curve(figure, panel, adapted(figure) or "").values())
        zero_shot = list(curve(figure, panel, ZERO_SHOT).values())
        if not rows or rows[-1]["x"] != "K = 80":
            return "–", UNKNOWN
        parts = f"{rows[-1]['x']}: {with_interval(rows[-1])}"
        parts += f"; prompted, zero-shot {with_interval(zero_shot[-1])}" if zero_shot else ""
        return parts, graded(rows[-1]["value"], 2.9, 2.0)

    return check


def at_half(
    objective: str, holds: float, partly: float, masked: Masked = "pairs"
) -> Callable[[Figures], Finding]:
    """The rule that half of the pairs or edges hidden leave at least so much of the ratio."""

    def check(figures: Figures) -> Finding:
        figure = figures[READINGS["figure5"][masked]]
        panel = panel_of(figure, objective)
        head = curve(figure, panel, adapted(figure) or "").get(HALF)
        if head is None:
            return "–", UNKNOWN
        parts = f"adapted head {with_interval(head)}"
        for name in (ZERO_SHOT, IMPUTED_NAME):
            row = curve(figure, panel, name).get(HALF)
            parts += f"; {name.removeprefix('GFM-RA ')} {with_interval(row)}" if row else ""
        return parts, graded(head["value"], holds, partly)

    return check


def robust(masked: Masked) -> Callable[[Figures], Finding]:
    """The rule of figure 5: better than PCGNN at every share of every objective."""

    def check(figures: Figures) -> Finding:
        figure = figures[READINGS["figure5"][masked]]
        ours = cells(figure, adapted(figure) or "")
        wins = [
            ours[cell]["value"] > row["value"]
            for name in pcgnn(figure)
            for cell, row in cells(figure, name).items()
            if cell in ours and cell[1] > 0
        ]
        return f"better in {sum(wins)} of {len(wins)} cells", status_of_all(wins)

    return check


def few_samples(figures: Figures) -> Finding:
    """Figure 6 with 64 samples, by either recipe."""
    figure = figures["figure6"]
    panel, parts, advantages, best = panel_of(figure, ""), [], [], 0.0
    for recipe, label in (
        ("", "tuned alike"),
        (", the paper's rates", "the paper's rates"),
        (", until validation stops rising", "until validation stops rising"),
    ):
        tuned, scratch = (
            fewest(curve(figure, panel, start + recipe)) for start in ("pre-trained", "from scratch")
        )
        if tuned is None or scratch is None:
            continue
        parts.append(f"{label}: {with_interval(tuned)} against {with_interval(scratch)}")
        advantages.append(tuned["low"] > scratch["high"])
        best = max(best, tuned["value"])
    if not parts:
        return "–", UNKNOWN
    status = HOLDS if best >= 0.945 and all(advantages) else PARTLY if any(advantages) else FAILS
    return "; ".join(parts), status


def few_samples_alone(figures: Figures) -> Finding:
    """Figure 6 with 64 samples of the one scenario that is tested."""
    figure = figures["figure6"]
    alone = [name for name in series(figure.rows) if name.endswith(" alone")]
    panels = {row["panel"] for row in figure.rows if row["series"] in alone}
    if not panels:
        return "–", UNKNOWN
    found = {name.partition(",")[0]: fewest(curve(figure, min(panels), name)) for name in alone}
    tuned, scratch = found.get("pre-trained"), found.get("from scratch")
    if tuned is None or scratch is None:
        return "–", UNKNOWN
    clear = tuned["low"] > scratch["high"]
    status = HOLDS if clear and tuned["value"] >= 0.945 else PARTLY if clear else FAILS
    return f"{with_interval(tuned)} against {with_interval(scratch)}", status


def fair_few_samples(figures: Figures) -> Finding:
    """Figure 7 with 64 samples."""
    figure = figures["figure7"]
    rows = {
        name: fewest(curve(figure, panel_of(figure, ""), name)) for name in ("pre-trained", "from scratch")
    }
    tuned, scratch = rows.values()
    if tuned is None or scratch is None:
        return "–", UNKNOWN
    return f"{with_interval(tuned)}; from scratch {with_interval(scratch)}", graded(tuned["value"], 0.92, 0.9)


def protects(figures: Figures) -> Finding:
    """Figure 8: sum rate kept, weak links lifted."""
    figure = figures["figure8"]
    rate, weak = panel_of(figure, "sum rate"), panel_of(figure, "mean rate")
    ours = [curve(figure, panel, "pre-trained") for panel in (rate, weak)]
    best = list(curve(figure, weak, "WMMSE-Best").values())
    if not ours[0] or not ours[1] or not best:
        return "–", UNKNOWN
    kept, lifted = (rows[max(rows)] for rows in ours)
    parts = f"{with_interval(kept)} of the sum rate; links below Rmin get {with_interval(lifted)} "
    parts += f"instead of {best[0]['value']:.3f} bit/s/Hz"
    return parts, status_of_all([0.8 <= kept["value"] <= 1.0, lifted["low"] > best[0]["high"]])


def learns_faster(figures: Figures) -> Finding:
    """Figure 8: scratch gains little from samples, the pre-trained model much."""
    figure = figures["figure8"]
    panel = panel_of(figure, "QoS utility")
    curves = [curve(figure, panel, name) for name in ("pre-trained", "from scratch")]
    if not all(len(rows) > 1 for rows in curves):
        return "–", UNKNOWN
    gains = [rows[max(rows)]["value"] - rows[min(rows)]["value"] for rows in curves]
    ends = [rows[max(rows)] for rows in curves]
    parts = f"gain by samples {gains[0]:+.3f}, from scratch {gains[1]:+.3f}; "
    parts += f"in the end {with_interval(ends[0])} and {with_interval(ends[1])}"
    return parts, status_of_all([gains[0] > gains[1], ends[0]["low"] > ends[1]["high"]])


def grows_with_size(figures: Figures) -> Finding:
    """Figure 9: monotone for every number of samples."""
    figure = figures["figure9"]
    checks, parts = [], []
    for name in series(figure.rows):
        rows = [row for row in figure.rows if row["series"] == name]
        checks += [(b, a) for a, b in pairwise(rows)]
        parts.append(f"{name}: {' → '.join(with_interval(row) for row in rows)}")
    return "; ".join(parts) or "–", status_of_clear(checks)


def middle_ratio_best(masked: Masked) -> Callable[[Figures], Finding]:
    """The rule of figure 10: rho = 0.3 at every share, among the paper's ratios."""

    def check(figures: Figures) -> Finding:
        by_share: dict[float, dict[str, Row]] = {}
        for row in figures[READINGS["figure10"][masked]].rows:
            by_share.setdefault(row["x"], {})[row["series"].split()[-1]] = row
        checks: list[tuple[Row, Row]] = []
        parts = []
        for share, rows in by_share.items():
            if share == 0.0 or "0.3" not in rows:
                continue
            checks += [(rows["0.3"], rows[name]) for name in ("0.1", "0.5") if name in rows]
            told = ", ".join(f"{name}: {with_interval(row)}" for name, row in sorted(rows.items()))
            parts.append(f"{share:g} % hidden: {told}")
        return "; ".join(parts) or "–", status_of_clear(checks)

    return check


def generative_matters(hybrid: str) -> Callable[[Figures], Finding]:
    """The rule of figure 11: from scratch to edge prediction, against the whole gain of a hybrid."""

    def check(figures: Figures) -> Finding:
        names = ("from scratch", "generative", hybrid)
        first, second, both = (fewest(_ablation(figures, name)) for name in names)
        if first is None or second is None or both is None:
            return "–", UNKNOWN
        gain, whole = second["value"] - first["value"], both["value"] - first["value"]
        most = gain > 0.0 and gain >= 0.5 * whole
        clear = second["low"] > first["high"]
        status = HOLDS if most and gain >= 0.05 else PARTLY if most and clear else FAILS
        return f"{with_interval(first)} → {with_interval(second)}; {hybrid} {with_interval(both)}", status

    return check


def hybrid_best(name: str) -> Callable[[Figures], Finding]:
    """The rule of figure 11: a hybrid against generative alone at every number of samples."""

    def check(figures: Figures) -> Finding:
        hybrid, generative = (_ablation(figures, each) for each in (name, "generative"))
        shared = sorted(set(hybrid) & set(generative))
        parts = [f"{x:g}: {with_interval(hybrid[x])} against {with_interval(generative[x])}" for x in shared]
        return "; ".join(parts) or "–", status_of_clear([(hybrid[x], generative[x]) for x in shared])

    return check


def deeper_is_better(figures: Figures) -> Finding:
    """Depth: every step up is clearly better, for every number of samples."""
    figure, checks, parts = figures["depth"], [], []
    for name in series(figure.rows):
        rows = sorted((row for row in figure.rows if row["series"] == name), key=lambda row: row["x"])
        if "PCGNN" not in name:
            checks += [(after, before) for before, after in pairwise(rows)]
        unit = "rounds" if "PCGNN" in name else "layers"
        parts.append(f"{name}: " + " → ".join(f"{row['x']:g} {unit} {with_interval(row)}" for row in rows))
    ranks = figures["depth-ranks"].rows
    for kind in ("layers: ", "PCGNN, rounds: "):
        deepest = max((name for name in series(ranks) if name.startswith(kind)), key=_number, default=None)
        last = [row for row in ranks if row["series"] == deepest]
        if last:
            parts.append(f"rank / width after the last of {deepest}: {with_interval(last[-1])}")
    return "; ".join(parts) or "–", status_of_clear(checks)


def _number(name: str) -> int:
    return int(name.rpartition(" ")[2])


def _ablation(figures: Figures, name: str) -> dict[float, Row]:
    figure = figures["figure11"]
    return curve(figure, panel_of(figure, ""), name)
