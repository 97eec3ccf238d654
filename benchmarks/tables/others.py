"""Tables beside the suite of worlds: the optimum, joint downlink powers, slices, robustness, familiarity."""

from collections.abc import Sequence
from typing import Any

from dags.readme import markdown_table
from gfm_ra.goals import OBJECTIVES


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


def slices(rows: Sequence[dict[str, Any]]) -> str:
    """Networks whose least rates are met and can be, and what the eMBB slice gets over each reference."""
    table = []
    for row in rows:
        shares = [f"{row[name]:.1%}" for name in ("can_be_met", "met")]
        names = ("in_time", "in_band", "best_partition", "oracle")
        ratios = ["{:.3f} [{:.3f}, {:.3f}]".format(*row[name]) for name in names]
        table.append(
            [
                str(row["links"]),
                f"{row['least_rate']:g}",
                row["effort"],
                *shares,
                *ratios,
                f"{row['ceiling']:.3f}",
            ]
        )
    told = ("in time", "in band", "the better, 100 starts", "oracle")
    return markdown_table(
        ["links", "least rate", "effort", "can be met", "met", *(f"/ {name}" for name in told), "ceiling"],
        table,
    )


def reported(rows: Sequence[dict[str, Any]]) -> str:
    """Score over that of WMMSE-Best with exact gains, and milliseconds of a network, where gains are reported."""
    named = ("fast", "balanced", "best")
    table = []
    for row in rows:
        others = [name for name in row if isinstance(row[name], list) and name not in named]
        imputed = max((name for name in others if name.startswith("imputed")), key=lambda name: row[name][0])
        sampled = next(name for name in others if name.startswith("stochastic"))
        values = ["{:.3f} [{:.3f}, {:.3f}]".format(*row[name]) for name in (*named, sampled, imputed)]
        times = " / ".join(f"{row[f'{name}, ms']:.3g}" for name in ("balanced", sampled))
        table.append([row["world"], row["goal"], *values, times])
    header = ["world", "goal", *named, "stochastic WMMSE", "best imputation", "balanced / stochastic, ms"]
    return markdown_table(header, table)


def robustness(rows: Sequence[dict[str, Any]]) -> str:
    """Loss by wrong and missing gains of the network, of one that is told of errors, and of WMMSE, and what is left."""
    of = {(row["goal"], row["method"], row["disturbance"]): row for row in rows}
    table = []
    for disturbance in dict.fromkeys(row["disturbance"] for row in rows):
        cells = []
        for goal in OBJECTIVES:
            three = [
                of[goal, method, disturbance] for method in ("pass and WMMSE", "one pass, told", "WMMSE")
            ]
            losses = ["{:.1f} [{:.1f}, {:.1f}]".format(*row["loss_percent"]) for row in three]
            left = " / ".join(f"{row['over_wmmse'][0]:.3f}" for row in three)
            cells += [" / ".join(losses), left]
        table.append([disturbance, *cells])
    header = [f"{goal}: {what}" for goal in OBJECTIVES for what in ("loss, %", "left")]
    return markdown_table(["network / told / WMMSE", *header], table)


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


def cities(found: dict[str, Any]) -> str:
    """Time, memory and quality by the number of links, and how they grow."""

    def shown(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    rows = [
        [
            f"{row['links']:,}",
            row["goal"],
            f"{1000 * row['seconds']:.3g}",
            f"{row['peak_gb']:.2f}",
            shown(row["over_one_start"], ".3f"),
            shown(row["over_best_of_starts"], ".3f"),
            shown(row["dense_seconds"] and 1000 * row["dense_seconds"], ".3g"),
            shown(row["over_dense"], ".4f"),
        ]
        for row in found["rows"]
    ]
    best = f"over best of {found['starts']}"
    header = ["links", "goal", "ms", "peak GB", "over one start", best, "matrix, ms", "over matrix"]
    return markdown_table(header, rows)
