"""The tables of the guides that are made from committed files of `metrics/`, and from the card of the packaged weights.

python -m benchmarks.tables           # writes them into docs/; `make readme` does so too, and a test compares
"""

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.front import Point, better_than_ours
from dags.readme import filled, markdown_table
from gfm_ra.goals import OBJECTIVES
from gfm_ra.inference.comparison import EFFORTS
from gfm_ra.weights import catalogue

METRICS, DOCS = Path("metrics"), Path("docs")
GOALS = ("sum-rate", "proportional-fair", "alpha-0.5", "alpha-2", "qos")
SAMPLES = (64, 256, 2048)
PEERS = ("PCGNN", "unfolded WMMSE")
ONE_RUN, PRACTICE = "WMMSE, 1 start", "fractional power control"
IN_3GPP = ("umi-", "uma-")

Rows = dict[tuple[str, str, str], dict[str, Any]]  # by world, goal and method


def pages(metrics: Path = METRICS) -> dict[str, dict[str, str]]:
    """The made parts of every guide, by its file name."""
    rows = json.loads((metrics / "worlds.json").read_text())["rows"]
    found: Rows = {(row["world"], row["goal"], row["method"]): row for row in rows}
    worlds = list(dict.fromkeys(row["world"] for row in rows))
    model = next(row["method"] for row in rows if row["method"].endswith(" fast")).removesuffix(" fast")
    return {
        "worlds.md": {
            "packaged": packaged(found, worlds, model),
            "practice": practice(found, worlds, model),
            "peers": peers(found, worlds, model),
            "front": front(json.loads((metrics / "front.json").read_text())["points"]),
        },
        "design.md": {
            "architectures": architectures(json.loads((metrics / "architectures.json").read_text())["rows"])
        },
        "adaptation.md": {"curves": curves(json.loads((metrics / "adaptation.json").read_text()))},
        "bridges.md": {"downlink": downlink(json.loads((metrics / "downlink.json").read_text())["rows"])},
        "reliability.md": {
            "robustness": robustness(json.loads((metrics / "robustness.json").read_text())["rows"])
        },
        "familiarity.md": {"foreign": foreign(json.loads((metrics / "familiarity.json").read_text()))},
        "performance.md": {
            "certified": certified(json.loads((metrics / "certified.json").read_text())["ratios"]),
            "proofs": proofs(json.loads((metrics / "certified-times.json").read_text())["proofs"]),
        },
        "use.md": {
            "card": card(catalogue.find().text["results"]),
            "worst": worst(found, worlds, model),
            "hidden": hidden(json.loads((metrics / "hidden.json").read_text())["rows"]),
        },
    }


def certified(ratios: dict[str, dict[str, dict[str, Any]]]) -> str:
    """What every method reaches of the optimum of small networks: mean, first percentile and worst, by goal."""
    rows = []
    for goal, methods in ratios.items():
        for method, found in methods.items():
            told = found["all solved"]
            cells = [f"{told[key]:.4f}" for key in ("mean", "first_percentile", "worst")]
            rows.append([goal, method, str(told["networks"]), *cells])
    return markdown_table(["goal", "method", "networks", "mean", "first percentile", "worst"], rows)


def downlink(rows: Sequence[dict[str, Any]]) -> str:
    """Joint powers of several cells beside a rule per cell: rates, and ratios with intervals."""
    names = ("mean", "fifth", "geometric")
    table = []
    for row in rows:
        values = [f"{row[name]:.3f}" for name in names]
        ratios = ["{:.3f} [{:.3f}, {:.3f}]".format(*row[f"{name}_ratio"]) for name in names]
        table.append([f"{row['fairness']:g}", row["method"], f"{row['power']:.0%}", *values, *ratios])
    told = ("mean", "5th percentile", "geometric mean")
    return markdown_table(["fairness", "method", "power", *told, *(f"{name} / rule" for name in told)], table)


def robustness(rows: Sequence[dict[str, Any]]) -> str:
    """Loss by wrong and missing gains of the network and of WMMSE, and what is left over undisturbed WMMSE."""
    of = {(row["goal"], row["method"], row["disturbance"]): row for row in rows}
    table = []
    for disturbance in dict.fromkeys(row["disturbance"] for row in rows):
        cells = []
        for goal in OBJECTIVES:
            both = [of[goal, method, disturbance] for method in ("pass and WMMSE", "WMMSE")]
            losses = ["{:.1f} [{:.1f}, {:.1f}]".format(*row["loss_percent"]) for row in both]
            left = " / ".join(f"{row['over_wmmse'][0]:.3f}" for row in both)
            cells += [" / ".join(losses), left]
        table.append([disturbance, *cells])
    header = [f"{goal}: {what}" for goal in OBJECTIVES for what in ("loss, %", "left")]
    return markdown_table(["network / WMMSE", *header], table)


def proofs(found: dict[str, dict[str, Any]]) -> str:
    """Share of networks that are proven, and seconds of a network."""
    rows = [
        [name, f"{row['proven']:.0%}", *(f"{value:.3g}" for value in row["seconds"])]
        for name, row in found.items()
    ]
    return markdown_table(["goal and links", "proven", "median, s", "95 % within, s", "longest, s"], rows)


def foreign(found: dict[str, Any]) -> str:
    """How well the paper's networks are told from foreign ones, world by world where that is not always so."""
    names = ("auroc", "auroc_same_links", "auroc_half_hidden")
    some = [row for row in found["worlds"] if min(row["auroc"], row["auroc_half_hidden"]) < 0.99995]
    others = [row for row in found["worlds"] if row not in some]
    rows = [
        [
            f"`{row['world']}`",
            str(row["links"]),
            *(f"{row[name]:.4f}" for name in names),
            str(row["delay"] or "none"),
        ]
        for row in some
    ]
    lowest = (f"{min(row[name] for row in others):.4f}" for name in names)
    rows.append([f"{len(others)} others, lowest", "", *lowest, str(max(row["delay"] for row in others))])
    head = ["world", "K", "AUROC", "same K", "half hidden", "answers to the alarm"]
    shares = ", ".join(f"{share:.3f} at most {level}" for level, share in found["home_at_most"].items())
    alarms = ", ".join(map(str, found["false_alarms"]))
    text = (
        f"Alarms in 10,000 networks of D16 to D20 before, by seed: {alarms}. "
        f"Share of D16 to D20 by familiarity: {shares}."
    )
    return f"{markdown_table(head, rows)}\n\n{text}"


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


def curves(rows: Sequence[dict[str, Any]]) -> str:
    """What adaptation brings against the number of samples."""
    of = {(row["world"], row["goal"], row["way"], row["samples"]): row for row in rows}
    table = []
    for world, goal in dict.fromkeys((row["world"], row["goal"]) for row in rows):
        cells = [
            " / ".join(_difference(of[world, goal, way, samples]) for samples in SAMPLES)
            for way in ("prompt", "lora")
        ]
        zero_shot = of[world, goal, "prompt", SAMPLES[0]]["zero_shot"]
        table.append([f"`{world}`", goal, f"{zero_shot:.4g}", *cells])
    below = sum(row["difference"][2] < 0 for row in rows)
    samples = " / ".join(f"{count:,}" for count in SAMPLES)
    header = ["world", "goal", "zero-shot", f"prompt, {samples} samples", f"LoRA, {samples}"]
    text = f"Of {len(rows)} cases, {below or 'none'} surely below zero-shot on the test networks."
    return f"{markdown_table(header, table)}\n\n{text}"


def card(results: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Results of the card, effort by effort."""
    rows = [
        [
            f"`{effort}`",
            *(
                " / ".join(f"{place[0]:.3f}" for place in results[effort][goal].values())
                for goal in OBJECTIVES
            ),
        ]
        for effort in EFFORTS
    ]
    return markdown_table(["effort", *OBJECTIVES], rows)


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


def architectures(rows: Sequence[dict[str, Any]]) -> str:
    """Ratios to WMMSE-Best after training for the same processor time, means over seeds."""
    names = (
        "home, sum rate, pass + 20", "home, sum rate, six draws + 20", "home, other goals, pass + 20",
        "home, sum rate, half hidden", "worlds, sum rate, pass", "worlds, sum rate, pass + 20",
        "worlds, sum rate, six draws + 20", "worlds, other goals, pass + 20",
    )  # fmt: skip
    table = [
        [
            row["arm"], str(row["seeds"]), f"{row['parameters'][0]:,.0f}", f"{row['steps'][0]:,.0f}",
            f"{row['ms per network'][0]:.2f}", *(_over_seeds(row[name], row["seeds"]) for name in names),
        ]
        for row in rows
    ]  # fmt: skip
    return markdown_table(["", "seeds", "weights", "steps", "ms a network", *names], table)


def _over_seeds(values: Sequence[float], seeds: int) -> str:
    """A mean, with half of its interval where there are enough seeds for one."""
    return f"{values[0]:.3f}" + (f" ± {values[2] - values[0]:.3f}" if seeds > 2 else "")


def _difference(row: dict[str, Any]) -> str:
    return "{:+.3g} [{:+.3g}, {:+.3g}]".format(*row["difference"]) if row["kept"] else "kept"


def _ms(value: float) -> str:
    return f"{value:.3g}"


def main() -> None:
    """Write the made parts into the guides."""
    for name, parts in pages().items():
        path = DOCS / name
        path.write_text(filled(path.read_text(), parts))


if __name__ == "__main__":
    main()
