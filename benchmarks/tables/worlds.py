"""Tables of the suite of worlds: every effort, peers, today's practice, quality against time, hidden gains."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from benchmarks.front import Point, better_than_ours
from dags.readme import markdown_table
from gfm_ra.inference.comparison import EFFORTS

GOALS = ("sum-rate", "proportional-fair", "alpha-0.5", "alpha-2", "qos")
PEERS = ("PCGNN", "unfolded WMMSE")
ONE_RUN, PRACTICE = "WMMSE, 1 start", "fractional power control"
IN_3GPP = ("umi-", "uma-")

Rows = dict[tuple[str, str, str], dict[str, Any]]  # by world, goal and method


def packaged(found: Rows, worlds: Sequence[str], model: str) -> str:
    """One WMMSE run and our efforts over WMMSE-Best, in every world and goal."""
    rows = []
    for world in worlds:
        cells = []
        for goal in GOALS:
            ours = " / ".join(f"{found[world, goal, f'{model} {effort}']['ratio']:.3f}" for effort in EFFORTS)
            cells.append(f"{found[world, goal, ONE_RUN]['ratio']:.3f}: {ours}")
        rows.append([f"`{world}`", *cells])
    lowest = min(
        found[world, goal, f"{model} best"]["first_percentile"] for world in worlds for goal in GOALS
    )
    text = f"Weights `{model}`. The first percentile of effort best is at least {lowest:.3f}."
    return f"{markdown_table(['world', *GOALS], rows)}\n\n{text}"


def practice(found: Rows, worlds: Sequence[str], model: str) -> str:
    """Cell edge and score under proportional fairness against fractional power control, in 3GPP's outdoor worlds."""
    goal, rows = "proportional-fair", []
    for world in (world for world in worlds if world.startswith(IN_3GPP)):
        theirs, run, ours = (
            found[world, goal, method] for method in (PRACTICE, ONE_RUN, f"{model} balanced")
        )
        score, edge = (ours[name] / theirs[name] - 1.0 for name in ("mean", "cell_edge"))
        edges = [f"{row['cell_edge']:.3f}" for row in (theirs, run, ours)]
        rows.append([f"`{world}`", *edges, f"{score:+.0%} / {edge:+.0%}"])
    header = [
        "proportional fairness, 5th percentile of the rates", PRACTICE, ONE_RUN, f"`{model}`, balanced",
        "gain in score / at the edge",
    ]  # fmt: skip
    return markdown_table(header, rows)


def peers(found: Rows, worlds: Sequence[str], model: str) -> str:
    """Sum rate over WMMSE-Best of learned peers, mean of their runs, least and most."""
    methods = {method for _, _, method in found}
    runs = {
        peer: sorted(method for method in methods if method.startswith(f"{peer}, run ")) for peer in PEERS
    }
    rows, columns = [], {name: list[float]() for name in (ONE_RUN, *PEERS, model)}
    for world in worlds:
        ratios = {
            peer: [found[world, "sum-rate", run]["ratio"] for run in names] for peer, names in runs.items()
        }
        one, ours = (found[world, "sum-rate", name]["ratio"] for name in (ONE_RUN, f"{model} fast"))
        means = {peer: sum(values) / len(values) for peer, values in ratios.items()}
        spans = [
            f"{means[peer]:.3f} ({min(values):.3f}-{max(values):.3f})" for peer, values in ratios.items()
        ]
        rows.append([f"`{world}`", f"{one:.3f}", *spans, f"{ours:.3f}"])
        for name, value in ((ONE_RUN, one), *means.items(), (model, ours)):
            columns[name].append(value)
    rows.append(["mean", *(f"{sum(values) / len(values):.3f}" for values in columns.values())])
    return markdown_table(["world", "one WMMSE run", *PEERS, f"`{model}`, fast"], rows)


def front(points: Sequence[dict[str, Any]]) -> str:
    """Our efforts with their times, and what others reach better, case by case."""
    rows = []
    for (world, goal), group in groupby(points, key=lambda point: (point["world"], point["goal"])):
        case = [Point(**point) for point in group]
        ours = [f"{point.ratio:.4f} in {_ms(point.ms)} ms" for point in case if point.ours]
        ahead = "; ".join(
            f"{point.method}: {more:+.4f} in {_ms(point.ms)} ms" for point, more in better_than_ours(case)
        )
        rows.append([f"`{world}`", str(case[0].links), goal, *ours, ahead or "nothing"])
    return markdown_table(["world", "K", "goal", *EFFORTS, "ahead of ours"], rows)


def worst(found: Rows, worlds: Sequence[str], model: str) -> str:
    """The smallest ratio to WMMSE-Best in any world, effort by effort and goal by goal."""
    rows = [
        [
            f"`{effort}`",
            *(
                f"{min(found[world, goal, f'{model} {effort}']['ratio'] for world in worlds):.3f}"
                for goal in GOALS
            ),
        ]
        for effort in EFFORTS
    ]
    return markdown_table([f"the worst of {len(worlds)} worlds", *GOALS], rows)


def hidden(rows: Sequence[dict[str, Any]]) -> str:
    """One pass with half of the pairs hidden, and WMMSE on imputed gains."""
    half = [row for row in rows if row["hidden"] == 0.5]
    table = [[row["goal"], f"{row['model']:.3f}", f"{row['imputed']:.3f}"] for row in half]
    return markdown_table(["half of the pairs unknown", "one pass", "WMMSE, gains imputed"], table)


def _ms(value: float) -> str:
    return f"{value:.3g}"
