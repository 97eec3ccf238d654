"""Tables of what is learnt: the card's results, architectures, adaptation, rivals at equal budget."""

from collections.abc import Sequence
from typing import Any

from dags.readme import markdown_table
from gfm_ra.goals import OBJECTIVES
from gfm_ra.inference.comparison import EFFORTS

SAMPLES = (64, 256, 2048)


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


def rivals(rows: Sequence[dict[str, Any]]) -> str:
    """Ratios to WMMSE-Best with 95 % intervals over seeds and networks: one pass, and the same refined."""
    columns = [name for name in rows[0] if name not in ("rival", "weights", "ms per network")]
    table = [
        [
            row["rival"], f"{row['weights']:,}", f"{row['ms per network']:.2f}",
            *("{:.3f} [{:.3f}, {:.3f}]".format(*row[name]) for name in columns),
        ]
        for row in rows
    ]  # fmt: skip
    return markdown_table(["", "weights", "ms a network", *columns], table)


def _over_seeds(values: Sequence[float], seeds: int) -> str:
    """A mean, with half of its interval where there are enough seeds for one."""
    return f"{values[0]:.3f}" + (f" ± {values[2] - values[0]:.3f}" if seeds > 2 else "")


def _difference(row: dict[str, Any]) -> str:
    return "{:+.3g} [{:+.3g}, {:+.3g}]".format(*row["difference"]) if row["kept"] else "kept"
