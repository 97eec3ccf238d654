"""What the paper leaves open: what was taken here, and what the other reading gives, from the figures' values."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pipelines.reporting.claim_evidence import with_interval
from pipelines.reporting.figure_rows import BEST_FOR_IT

Evidence = Mapping[str, Any]  # figures by name, each with `rows`
HALF, FEW = 50.0, 64


class Decision(NamedTuple):
    """One choice."""

    left_open: str
    taken: str
    other: str
    measured: str  # what is compared
    values: tuple[Callable[[Evidence], str], Callable[[Evidence], str]]  # of what was taken, of the other


def value(figure: str, panel: str, series: str, x: object) -> Callable[[Evidence], str]:
    """A figure's value with its interval, a dash where nothing was measured.

    The panel is found by how it begins, and so is a series unless its name ends in "$".
    """

    def find(figures: Evidence) -> str:
        for row in figures.get(figure, {"rows": []})["rows"]:
            name = f"{row['series']}$"
            if row["panel"].startswith(panel) and name.startswith(series) and row["x"] == x:
                return with_interval(row)
        return "–"

    return find


def _told(text: str) -> Callable[[Evidence], str]:
    return lambda _: text


DECISIONS = (
    Decision(
        "what a masked edge is",
        "a pair of links, hidden on both sides",
        "directed edges one by one: the reverse edge holds the same two numbers",
        "adapted head, sum rate, half hidden at inference",
        (
            value("figure5", "sum rate", "GFM-RA, ", HALF),
            value("figure5-edges", "sum rate", "GFM-RA, ", HALF),
        ),
    ),
    Decision(
        "what pre-training masks",
        "pairs",
        "directed edges",
        "small model, 64 samples",
        (value("figure11", "sum rate", "hybrid$", FEW), value("figure11", "sum rate", "directed", FEW)),
    ),
    Decision(
        "(8) as a sum over masked edges",
        "their mean: lambda 0.1 stands for a literal one of 23, 147, 379 at K = 20, 50, 80",
        "the sum, as it is written",
        "small model, 64 samples",
        (value("figure11", "sum rate", "hybrid$", FEW), value("figure11", "sum rate", "literal-lambda", FEW)),
    ),
    Decision(
        "which run is WMMSE-Best",
        "the best of 100 sum-rate runs by sum rate",
        "the best of them by the task's utility",
        "adapted head over it, QoS, K = 80",
        (
            value("figure4", "QoS utility / WMMSE-Best", "GFM-RA, ", "K = 80"),
            value("figure4", f"QoS utility / {BEST_FOR_IT}", "GFM-RA, ", "K = 80"),
        ),
    ),
    Decision(
        "one head for all scenarios, or one for each",
        "one of three scenarios pooled",
        "one of the scenario that is tested",
        "pre-trained, D18, 64 samples",
        (
            value("figure6", "sum rate", "pre-trained, of all", FEW),
            value("figure6", "sum rate", "pre-trained, of D18", FEW),
        ),
    ),
    Decision(
        "how long to adapt",
        "as many updates whatever the samples",
        "until validation stops rising",
        "pre-trained, 64 samples of each of three scenarios",
        (
            value("figure6", "sum rate", "pre-trained$", FEW),
            value("figure6", "sum rate", "pre-trained, until validation", FEW),
        ),
    ),
    Decision(
        "learning rates of adaptation",
        "by validation, along a cosine",
        "the paper's, constant",
        "pre-trained, 64 samples of each of three scenarios",
        (
            value("figure6", "sum rate", "pre-trained$", FEW),
            value("figure6", "sum rate", "pre-trained, the paper's", FEW),
        ),
    ),
    Decision(
        "sizes of networks in pre-training, at this size of the model",
        "K = 20 and 35",
        "K = 20, 35, 50, 65, 80",
        "small model, K = 80, 64 samples",
        (
            value("network-sizes", "sum rate / WMMSE-Best, 64", "pre-trained with K = 20, 35$", 80),
            value("network-sizes", "sum rate / WMMSE-Best, 64", "pre-trained with K = 20, 35, 50", 80),
        ),
    ),
    Decision(
        "any strictly increasing beta",
        "sum rate, geometric mean, QoS, alpha-fair",
        "three own utilities, in docs/adaptation.md",
        "adaptation",
        (_told("–"), _told("see there")),
    ),
    Decision(
        "constants of the path loss, law of the distance",
        "39 + 20 log10 d to 100 m, 40 log10 d beyond; uniform in the radius",
        "three others, uniform in the area among them, were tried",
        "WMMSE's QoS utility",
        (_told("the paper's ratios"), _told("other ratios; negative at K = 80 if uniform in the area")),
    ),
    Decision(
        "the same, by both readings of WMMSE-Best (`python -m benchmarks.worlds.calibration`)",
        "39 + 20 log10 d to 100 m, 40 log10 d beyond",
        "ITU-R P.1411",
        "QoS WMMSE over the best sum-rate run by sum rate / by QoS utility, K = 80; the paper: 3.0",
        (
            _told("3.49 [3.08, 4.13] / 2.78 [2.53, 3.14]"),
            _told("2.17 [2.05, 2.32] / 1.91 [1.83, 2.02]"),
        ),
    ),
)


def table(figures: Evidence) -> list[list[str]]:
    """Header and rows."""
    header = [
        "the paper leaves open",
        "we took",
        "the other reading",
        "compared",
        "ours gives",
        "the other gives",
    ]
    rows = [
        [one.left_open, one.taken, one.other, one.measured, *(find(figures) for find in one.values)]
        for one in DECISIONS
    ]
    return [header, *rows]
