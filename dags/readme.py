"""The parts of README.md and docs/results.md that are made, not written: measured numbers and the list of folders.

Usage: python -m dags.readme (writes them; a test compares).
"""

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gfm_ra.goals import OBJECTIVES
from pipelines.reporting import decisions, speed_quality
from pipelines.reporting.claims import status_in_words
from pipelines.reporting.plots import draw

README, RESULTS = Path("README.md"), Path("docs/results.md")
PICTURE = Path("docs/quality-against-time.png")
METRICS = Path("metrics")
LAYERS = ("gfm_ra", "components", "pipelines", "dags")
METHODS = ("gfm-ra-prompted", "gfm-ra-prompted-polished", "gfm-ra", "wmmse", "full-reuse")
# In no metrics file; a test holds them to the parameters.
POLISH_ITERATIONS = 20
HEAD_SAMPLES, HEAD_SCENARIOS, HEAD_EPOCHS = 64, ("D16", "D18", "D20"), (3, 37)


def measured(folder: Path = METRICS) -> str:
    """What came out, as tables and sentences, from the committed metrics files."""

    def read(name: str) -> dict[str, Any]:
        return json.loads((folder / f"{name}.json").read_text())

    goals = read("goal_study-full")
    parts = [
        _evaluation(read("ratios")),
        _missing(goals),
        _other_goals(goals),
        _pretraining(read("pretrain-hybrid"), read("pretrain-prompted")),
    ]
    return "\n\n".join(parts)


def summary(folder: Path = METRICS) -> str:
    """The prompted model zero-shot, one row per objective and one column per scenario."""
    evaluation = json.loads((folder / "ratios.json").read_text())
    scenarios = list(evaluation[OBJECTIVES[0]])
    rows = [
        [objective, *(_value(evaluation[objective][name][METHODS[0]].get("to_strong")) for name in scenarios)]
        for objective in OBJECTIVES
    ]
    return markdown_table(["zero-shot / best WMMSE for the goal", *scenarios], rows)


def claims(folder: Path = METRICS) -> str:
    """The paper's claims with their status, and where a network pays off, from the committed evidence."""
    evidence = json.loads((folder / "paper_figures.json").read_text())
    paper = [row for row in evidence["claims"] if not row["ours"]]
    ours = [row for row in evidence["claims"] if row["ours"]]
    (command,) = {row["command"] for row in evidence["claims"]}
    explained = (
        f"Measured at the {evidence['profile']}, {evidence['snapshots']} test snapshots per scenario, means with 95 % "
        "intervals over snapshots and, where something was trained, over seeds; the rule behind each status is code "
        f"(`pipelines/reporting/claim_rules.py`) and shown in the report. Every row comes from `{command}`. A model "
        f"of {evidence['weights']:,} layer weights says nothing against a claim about 21 million: what does not hold "
        "here is *not reproduced at this size*. *Before* is what this page said while arms with more samples trained "
        "longer, and what else was unlike."
    )
    parts = [
        markdown_table(
            ["figure", "claim", "paper", "measured", "status", "before, and what was unlike", "cost"],
            [
                [
                    row["figure"], row["claim"], row["paper"], _both_readings(row), f"**{status_in_words(row)}**",
                    f"{row.get('before', '')}: {row.get('unlike', '')}", row.get("cost", ""),
                ]
                for row in paper
            ],
        ),
        explained,
        "What the paper leaves open (ratios of sum rates to WMMSE-Best unless it says otherwise):",
        markdown_table(*_head_and_rows(decisions.table(evidence["figures"]))),
        "Beyond the paper:",
        markdown_table(
            ["figure", "claim", "measured", "status"],
            [[row["figure"], row["claim"], row["measured"], f"**{status_in_words(row)}**"] for row in ours],
        ),
        _frontier(evidence),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _head_and_rows(table: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    return table[0], table[1:]


def _both_readings(row: dict[str, Any]) -> str:
    other = row.get("other")
    return (
        row["measured"] if other is None else f"{row['measured']}; *{other['reading']}*: {other['measured']}"
    )


def _frontier(evidence: dict[str, Any]) -> str:
    rows = []
    for finding in evidence["speed_quality"]["findings"]:
        best, classical, strongest = (finding[key] for key in ("network", "as_good", "strongest"))
        rows.append(
            [
                f"{finding['objective']}, batch {finding['batch']}",
                str(finding["links"]),
                _method(best) if finding["pays"] else "none: WMMSE wins",
                _method(classical),
                _method(strongest),
            ]
        )
    header = ["", "K", "best network that pays off", "fastest WMMSE as good as it", "strongest WMMSE"]
    return (
        f"{markdown_table(header, rows)}\n\n"
        f"Ratio to the best WMMSE for the objective ({evidence['reference']}), and time "
        f"per network on one thread of {evidence['speed_quality']['machine'].partition(',')[0]}. A network pays off "
        "where "
        "no WMMSE, truncated or from many starts, nor full reuse, reaches the low end of its interval in its time."
    )


def _method(found: dict[str, Any] | None) -> str:
    return "–" if found is None else f"{found['method']}: {found['value']:.3f} in {found['ms']:.3g} ms"


def _evaluation(evaluation: dict[str, Any]) -> str:
    header = [
        "objective",
        "scenario",
        "prompted, zero-shot / best WMMSE for it",
        f"+ {POLISH_ITERATIONS} WMMSE iterations",
        "fine-tuned head",
        "zero-shot / sum-rate WMMSE-Best",
        "WMMSE, 1 start",
        "full reuse",
    ]
    rows = []
    for objective in OBJECTIVES:
        for scenario, table in evaluation[objective].items():
            strong = {method: table[method].get("to_strong") for method in METHODS}
            zero_shot, *others = strong.values()
            polished, tuned, wmmse, reuse = (_value(found) for found in others)
            paper = _value(table[METHODS[0]].get("to_paper"))
            where = f"{scenario}, {table['snapshots']} snapshots"
            rows.append([objective, where, _interval(zero_shot), polished, tuned, paper, wmmse, reuse])
    explained = (
        "Ratios of means on test snapshots with 95 % bootstrap intervals; proportional fairness is compared as the "
        "geometric mean of rates. Where the column names no other reference, it is the best of many WMMSE runs with "
        "the objective's own weights. The prompted model is one for all rows, with no training on these scenarios; the "
        f"heads were fine-tuned, one per objective, with {HEAD_SAMPLES} samples of each of {', '.join(HEAD_SCENARIOS)} "
        f"({HEAD_EPOCHS[0]} + {HEAD_EPOCHS[1]} epochs; the paper has 10 + 100) and never saw the others. The last two "
        "columns are sum-rate WMMSE from full power and full "
        "reuse. A dash: the reference silences links, so a ratio to it says nothing."
    )
    return f"{markdown_table(header, rows)}\n\n{explained}"


def _missing(goals: dict[str, Any]) -> str:
    found = {
        objective: {scenario: max(by_share.items(), key=_share) for scenario, by_share in by_scenario.items()}
        for objective, by_scenario in goals["missing"].items()
    }
    share = float(next(iter(found[OBJECTIVES[0]].values()))[0])
    rows = [
        [
            objective,
            *(_pair(entry["zero-shot"], entry["imputed-wmmse"]) for _, entry in found[objective].values()),
        ]
        for objective in OBJECTIVES
    ]
    table = markdown_table([f"{share:.0%} of pairs hidden", *found[OBJECTIVES[0]]], rows)
    return (
        f"{table}\n\nThe prompted model with that share of channel state missing, in parentheses WMMSE with the "
        "missing gains filled in, by whichever rule turned out best; both over the best WMMSE that knows every gain, "
        f"{goals['snapshots']} test snapshots per scenario."
    )


def _share(item: tuple[str, Any]) -> float:
    return float(item[0])


def _other_goals(goals: dict[str, Any]) -> str:
    found = goals["goals"]
    rows = [
        [goal, *(_pair(entry["zero-shot"], entry["wmmse-for-the-goal"]) for entry in by_scenario.values())]
        for goal, by_scenario in found.items()
    ]
    table = markdown_table(["other goals, zero-shot", *next(iter(found.values()))], rows)
    return (
        f"{table}\n\nThe same model given other goals (section `goals` of `params.yaml` describes them), in "
        "parentheses one WMMSE run for the goal; both over the best of many. The report adds the guard and what a few "
        "samples change."
    )


def _pretraining(hybrid: dict[str, Any], prompted: dict[str, Any]) -> str:
    def edges(summary: dict[str, Any]) -> str:
        return f"{summary['edge_rmse_db']:.2f} dB RMSE"

    ratios = ", ".join(f"{prompted['ratio_' + name.replace('-', '_')]:.3f} ({name})" for name in OBJECTIVES)
    return (
        f"Pre-training by Algorithm 1 ended {hybrid['status']}: masked links are predicted with {edges(hybrid)} "
        f"(predicting the mean: {hybrid['mean_predictor_rmse_db']:.2f} dB, shadowing and fading alone: "
        f"{hybrid['noise_floor_db']:.2f} dB), effective rank {hybrid['effective_rank']:.1f}. The unrolled "
        "network, on validation networks of its own distribution, has in one pass these ratios to one WMMSE run of the "
        f"goal: {ratios}."
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _value(found: list[float] | None) -> str:
    return "–" if found is None else f"{found[0]:.3f}"


def _interval(found: list[float] | None) -> str:
    return "–" if found is None else f"{found[0]:.3f} [{found[1]:.3f}, {found[2]:.3f}]"


def _pair(ours: list[float] | None, classical: list[float] | None) -> str:
    return f"{_interval(ours)} ({_value(classical)})"


def rooms(root: Path = Path()) -> str:
    """One line per folder of source files: the first sentence of its docstring."""
    lines = ["| folder | what it is for |", "|---|---|"]
    for layer in LAYERS:
        for path in sorted((root / layer).rglob("__init__.py"), key=lambda path: path.parent.parts):
            room = path.parent.relative_to(root)
            if len(room.parts) > 2:  # goes with the room around it
                continue
            lines.append(f"| `{room}/` | {_summary(path)} |")
    return "\n".join(lines)


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(docstring.split("\n\n")[0].split()).replace("|", "\\|")


def filled(text: str, parts: dict[str, str]) -> str:
    """A page with the parts between its markers replaced."""
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda found, content=content: f"{found[1]}{content}\n{found[2]}", text)
    return text


def pages() -> dict[Path, dict[str, str]]:
    """The made parts of every page."""
    return {
        README: {"summary": summary(), "rooms": rooms()},
        RESULTS: {"measured": measured(), "claims": claims()},
    }


def picture(path: Path = PICTURE, folder: Path = METRICS) -> None:
    """Draw sum rate against time per network from the committed evidence: D18, one network at a time."""
    rows = json.loads((folder / "paper_figures.json").read_text())["speed_quality"]["rows"]
    shown = speed_quality.figure([row for row in rows if row["scenario"] == "D18"], "sum-rate", 1)
    draw(path, shown)


def main() -> None:
    """Write the made parts into their pages, and draw the picture."""
    picture()
    for page, parts in pages().items():
        page.write_text(filled(page.read_text(), parts))


if __name__ == "__main__":
    main()
